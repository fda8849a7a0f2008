import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { startNuncio } from "./nuncio.ts";

// The text format of Prometheus, version 0.0.4, as its grammar has it.
const name = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"';
const sample = new RegExp(
  `^(${name})(?:\\{(${label}(?:,${label})*,?)?\\})? (?:[-+]?(?:\\d+(?:\\.\\d*)?(?:e[-+]?\\d+)?|Inf)|[Nn]a[Nn])$`,
);
const comment = new RegExp(`^# (?:TYPE (${name}) (?:counter|gauge|histogram|summary|untyped)|HELP ${name} .*)$`);

// The admin interface has such stats, too.
const of = 'envoy_http_conn_manager_prefix="in"';
const times = "envoy_http_downstream_rq_time";

test("the exposition is well-formed, each family stands once, histograms add up, and the process is in it", async () => {
  const backend = createServer((_request, response) => response.end("ok")).listen(0, "127.0.0.1");
  await new Promise((resolve) => backend.once("listening", resolve));
  const nuncio = await startNuncio({ backendPort: (backend.address() as AddressInfo).port });
  for (let i = 0; i < 5; i++) await fetch(`http://127.0.0.1:${nuncio.port}/`);
  let lines: string[] = [];
  // Histograms are merged once a flush interval, as Envoy's.
  const counted = async () => {
    lines = (await nuncio.admin("/stats/prometheus")).body.split("\n");
    return lines.some((line) => line.startsWith(`${times}_count{${of}`) && line.endsWith(" 5"));
  };
  await expect.poll(counted, { timeout: 10_000, interval: 500 }).toBe(true);
  const filtered = await nuncio.admin("/stats/prometheus?usedonly");
  await nuncio.stop();
  backend.closeAllConnections();
  backend.close();

  const families: string[] = [];
  for (const line of lines) {
    if (line === "") continue;
    const type = comment.exec(line)?.[1];
    if (type !== undefined) families.push(type);
    expect(comment.test(line) || sample.test(line), line).toBe(true);
  }
  expect(families.filter((family, at) => families.indexOf(family) !== at)).toEqual([]);
  expect(families).toEqual(expect.arrayContaining(["envoy_http_downstream_rq_total", "nodejs_eventloop_lag_seconds"]));

  const value = (start: string) =>
    Number(
      lines
        .find((line) => line.startsWith(start))
        ?.split(" ")
        .at(-1),
    );
  expect(value('envoy_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="in"')).toBe(
    5,
  );
  expect(value(`${times}_count{${of}`)).toBe(5);
  const buckets = lines
    .filter((line) => line.startsWith(`${times}_bucket{${of}`))
    .map((line) => Number(line.split(" ").at(-1)));
  expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
  expect(buckets.at(-1)).toBe(5);
  expect(filtered.body).not.toContain("nodejs_");
});
