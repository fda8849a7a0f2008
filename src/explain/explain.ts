import type { RequestHead } from "../http/header-block.ts";
import { addressText } from "../net/address.ts";
import { compileValue } from "../proxy/link-hcm.ts";
import type { HcmSpec } from "../proxy/spec.ts";
import { linkRouteTable } from "../router/route-table.ts";
import { finish } from "../router/slices.ts";
import { type Admission, admit } from "./admit.ts";
import { type ChosenListener, chainName, chooseChain, chooseListener } from "./connection.ts";
import type { Explanation } from "./explanation.ts";
import { describeFilters } from "./filters.ts";
import { forwardTo } from "./forward.ts";
import type { ExplainOptions } from "./options.ts";
import { type AskedRequest, headOf } from "./request-line.ts";
import { routesFor } from "./routes-for.ts";
import { chooseHost, walkRoutes } from "./walk.ts";
import { describeWinner, drawnEntry } from "./winner.ts";
import type { ExplainWorld } from "./world.ts";

/** Why a request goes where it goes; a string says why that cannot be told. Asks the tables that requests ask, linked anew. */
export function explain(world: ExplainWorld, request: AskedRequest, options: ExplainOptions): Explanation | string {
  const chosen = chooseListener(world.listeners, request, options);
  if (typeof chosen === "string") return chosen;
  const { listener, address } = chosen;
  const explanation = begin(request, chosen, options.random);
  const chain = chooseChain(listener, address, request, options.source, world.runtime);
  explanation.otherChains = chain.others;
  if (chain.spec === null) {
    const why = chain.why === "" ? "no filter chain matches" : `${chain.why}, and no filter chain is for it`;
    explanation.notes.push(`${why}: the connection is closed`);
    return explanation;
  }
  const isTls = chain.spec.tls !== null;
  explanation.filterChain = {
    name: chainName(chain.spec.name, chain.index),
    index: chain.index,
    isDefault: chain.index < 0,
    tls: isTls,
    why: chain.why,
  };
  if (isTls !== (request.scheme === "https")) {
    explanation.notes.push(
      isTls
        ? "the filter chain speaks TLS, the URL is http://"
        : "the filter chain speaks plain text, the URL is https://",
    );
  }
  const { hcm } = chain.spec;
  const head = headOf(request);
  const internalOnly = () => routesFor(hcm, head, world).config?.internalOnlyHeaders ?? [];
  const admission = admit(head, { name: listener.name, address }, hcm, isTls, options.source, internalOnly);
  explanation.normalized = admission.normalized;
  explanation.answer = admission.answer;
  if (explanation.answer === null) explainRoute(explanation, world, hcm, head, admission, options, request);
  return explanation;
}

function explainRoute(
  explanation: Explanation,
  world: ExplainWorld,
  hcm: HcmSpec,
  head: RequestHead,
  { info, upgrade }: Admission,
  { random, routes: limit }: ExplainOptions,
  request: AskedRequest,
): void {
  const found = routesFor(hcm, head, world);
  explanation.notes.push(...found.notes);
  const config = found.config;
  if (config === null) {
    explanation.answer = notFound("no routes");
    return;
  }
  explanation.routes = { name: config.name, source: found.source };
  const { runtime } = world;
  const trial = { head, info, random, runtime, ignorePathParameters: config.ignorePathParameters };
  const { host, choice } = chooseHost(config, trial);
  if (choice === null) {
    const why = host === null ? `header ${config.vhostHeader} is missing` : `no virtual host serves "${host}"`;
    explanation.answer = notFound(config.isOnDemand ? `${why}; VHDS may bring one` : why);
    return;
  }
  const { virtualHost, index, domain, rule } = choice;
  // The other virtual hosts do not matter any more.
  const own = { ...config, virtualHosts: [virtualHost] };
  const linked = finish(linkRouteTable(own, { compileValue, runtime, stats: null, linkFilters: null })).match(
    head,
    info,
    random,
  );
  const walk = walkRoutes(virtualHost, trial, limit);
  const { name, routes } = virtualHost;
  explanation.virtualHost = { name, index, host: host ?? "", domain, rule, routeCount: routes.length };
  const { tried, omitted, behind, shadowed, winner } = walk;
  Object.assign(explanation, { tried, omitted, behind, shadowed });
  if (
    (linked !== null) !== (winner !== null || walk.isTlsRedirect) ||
    (winner !== null && linked?.name !== winner.spec.name)
  ) {
    throw new Error(`explain and the route table differ: ${winner?.spec.name} and ${linked?.name}; this is a bug`);
  }
  if (linked === null) {
    explanation.answer = notFound("no route matches");
    return;
  }
  info.noteRoute(linked);
  if (winner === null) {
    const why = `require_tls ${virtualHost.requireTls} of the virtual host`;
    explanation.answer = { status: linked.status, location: linked.locationFor(head, info), body: "", why };
    return;
  }
  const parts = { config, hcm, host: { spec: virtualHost, index }, route: winner, linked, head, info, random, runtime };
  const facts = describeWinner(parts);
  explanation.winner = facts;
  const entry = drawnEntry(winner.spec.action, facts.weights);
  explanation.filters = describeFilters(
    hcm,
    [
      ...(entry === null ? [] : [{ name: "weighted cluster", config: entry.perFilterConfig }]),
      { name: "route", config: winner.spec.perFilterConfig },
      { name: "virtual host", config: virtualHost.perFilterConfig },
      { name: "route configuration", config: config.perFilterConfig },
    ],
    world,
  );
  forwardTo(explanation, facts, parts, { world, upgrade, request });
}

function begin(request: AskedRequest, { listener, address, why }: ChosenListener, random: number): Explanation {
  const { method, scheme, authority, path } = request;
  return {
    request: { method, url: method === "CONNECT" ? authority : `${scheme}://${authority}${path}`, random },
    listener: { name: listener.name, address: addressText(address), why },
    filterChain: null,
    otherChains: [],
    normalized: [],
    routes: null,
    virtualHost: null,
    tried: [],
    omitted: 0,
    behind: 0,
    shadowed: [],
    winner: null,
    answer: null,
    filters: [],
    cluster: null,
    upstream: null,
    notes: [],
  };
}

function notFound(why: string): Explanation["answer"] {
  return { status: 404, location: "", body: "", why };
}
