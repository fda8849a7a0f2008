import type { FailedCondition } from "./conditions.ts";
import { percent } from "./describe.ts";
import type { ClusterFacts, Explanation, HeaderChange, UpstreamRequest, Winner } from "./explanation.ts";
import { timeoutText } from "./limits.ts";
import type { TriedRoute } from "./walk.ts";

/** An explanation for people; ends with a line break. */
export function explanationText(explanation: Explanation): string {
  const { request, winner, cluster, upstream } = explanation;
  const lines = [
    `${request.method} ${request.url}`,
    "",
    ...connectionLines(explanation),
    ...hostLines(explanation),
    ...routeLines(explanation),
    ...(winner === null ? [] : winnerLines(winner, request.random)),
    ...filterLines(explanation),
    ...answerLines(explanation),
    ...(cluster === null ? [] : clusterLines(cluster)),
    ...(upstream === null ? [] : upstreamLines(upstream)),
    ...explanation.notes.map((note) => row("note", note)),
  ];
  return `${lines.join("\n")}\n`;
}

/** The same for programs: names in snake_case. */
export function explanationJson(explanation: Explanation): unknown {
  return snake(explanation);
}

function connectionLines({ listener, filterChain, otherChains, normalized }: Explanation): string[] {
  return [
    row("listener", `${listener.name} on ${listener.address} (${listener.why})`),
    ...(filterChain === null
      ? []
      : [
          row(
            "chain",
            `${filterChain.isDefault ? "default_filter_chain" : filterChain.name}${filterChain.tls ? ", TLS" : ""}${filterChain.why === "" ? "" : ` (${filterChain.why})`}`,
          ),
        ]),
    ...otherChains.map(({ name, criterion }) =>
      row("", `not ${name}: ${criterion === "order" ? "another stands before it" : criterion}`),
    ),
    ...normalized.map(({ what, before, after }) => row("normalized", `${what} ${before} to ${after}`)),
  ];
}

function hostLines({ routes, virtualHost }: Explanation): string[] {
  if (routes === null) return [];
  const name = routes.name === "" ? "without a name" : `"${routes.name}"`;
  return [
    row("routes", `${name} (${routes.source})`),
    ...(virtualHost === null
      ? []
      : [
          row(
            "host",
            `virtual host "${virtualHost.name}": "${virtualHost.host}" is served by domain "${virtualHost.domain}" (${virtualHost.rule})`,
          ),
        ]),
  ];
}

function routeLines({ virtualHost, tried, omitted, behind, shadowed }: Explanation): string[] {
  if (virtualHost === null) return [];
  const lines = ["", `routes tried, of ${virtualHost.routeCount}`];
  if (omitted > 0) lines.push(`    ${omitted} more fail and have less in common with the request`);
  for (const route of tried) lines.push(...triedLines(route));
  if (behind > 0) lines.push(`    ${behind} behind it are not tried`);
  for (const route of shadowed) lines.push(`    of those ${routeTitle(route)} ${route.path} would match too`);
  return lines;
}

function triedLines(route: TriedRoute): string[] {
  const { path, failed } = route;
  const title = `${routeTitle(route)} ${path}`;
  return failed === null ? [`  + ${title}: matches`] : [`  - ${title}: ${failureText(failed, path)}`];
}

function failureText({ kind, wanted, found }: FailedCondition, path: string): string {
  if (kind === "path" && wanted === path) return `the path is ${found}`;
  return `wants ${wanted}; ${tellsItself.has(kind) ? "" : "it is "}${found}`;
}

function routeTitle({ place, name }: TriedRoute): string {
  return name === "" ? place : `${place} "${name}"`;
}

function winnerLines(winner: Winner, random: number): string[] {
  const { retries, hashPolicies, mirrors, priority } = winner;
  return [
    "",
    row("route", `${winner.name === "" ? "" : `"${winner.name}" `}${winner.path}: ${winner.action}`),
    ...winner.weights.map(({ cluster, weight, from, to, isDrawn }) =>
      row("", `${isDrawn ? "+" : "-"} "${cluster}" weight ${weight}, ${percent(from)} to ${percent(to)}`),
    ),
    ...(winner.weights.length === 0 ? [] : [row("", `drawn by ${winner.drawnBy} (random ${random})`)]),
    ...rows("timeouts", winner.timeouts.map(timeoutText)),
    ...(retries === null
      ? []
      : [row("retries", `${retries.numRetries} on ${retries.retryOn || "nothing"} (${retries.from})`)]),
    ...(priority === "DEFAULT" ? [] : [row("priority", priority)]),
    ...rows("hashed by", hashPolicies),
    ...rows("mirrored to", mirrors),
    ...winner.rewrites.map(({ what, how, before, after }) => row("rewrite", `${what} ${before} to ${after} (${how})`)),
    ...rows("request", winner.requestHeaders.map(changeText)),
    ...rows("response", winner.responseHeaders.map(changeText)),
  ];
}

function changeText({ change, from }: HeaderChange): string {
  return `${change} (${from})`;
}

function filterLines({ filters }: Explanation): string[] {
  return rows(
    "filters",
    filters.map(({ name, isOn, why }) => `${isOn ? "+" : "-"} ${name}${why === "" ? "" : ` (${why})`}`),
  );
}

function answerLines({ answer }: Explanation): string[] {
  if (answer === null) return [];
  const body = answer.body.length > maxBody ? `${answer.body.slice(0, maxBody)}...` : answer.body;
  return [
    row("answer", `${answer.status} by the proxy (${answer.why})`),
    ...(answer.location === "" ? [] : [row("", `location: ${answer.location}`)]),
    ...(body === "" ? [] : [row("", `body: ${JSON.stringify(body)}`)]),
  ];
}

function clusterLines({ name, discovery, balancer, endpoints, endpointCount, healthyCount }: ClusterFacts): string[] {
  const more = endpointCount - endpoints.length;
  return [
    row("cluster", `"${name}" (${discovery}, ${balancer}): ${healthyCount} of ${endpointCount} endpoints healthy`),
    ...endpoints.map(({ address, hostname, health, weight, priority }) => {
      const host = hostname === "" || address.startsWith(`${hostname}:`) ? "" : ` ${hostname}`;
      const extra = [weight === 1 ? "" : `weight ${weight}`, priority === 0 ? "" : `priority ${priority}`];
      return row("", [`${address}${host} ${health.toLowerCase()}`, ...extra.filter((part) => part !== "")].join(", "));
    }),
    ...(more > 0 ? [row("", `and ${more} more`)] : []),
  ];
}

function upstreamLines({ method, path, authority, scheme, headers }: UpstreamRequest): string[] {
  return [
    "",
    "the upstream gets",
    `    ${method} ${path}`,
    `    :authority: ${authority}`,
    `    :scheme: ${scheme}`,
    ...headers.map(({ name, value }) => `    ${name}: ${value}`),
  ];
}

/** The title stands in front of the first of them. */
function rows(title: string, texts: readonly string[]): string[] {
  return texts.map((text, i) => row(i === 0 ? title : "", text));
}

function row(title: string, text: string): string {
  return `${title.padEnd(12)}${text}`;
}

function snake(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snake);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snake(inner),
    ]),
  );
}

/** Kinds of conditions that the request has no value for. */
const tellsItself = new Set(["runtime_fraction", "tls", "metadata", "filter_state"]);
const maxBody = 200;
