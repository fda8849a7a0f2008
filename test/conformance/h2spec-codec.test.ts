import { execFile } from "node:child_process";
import { expect, test } from "vitest";
import type { RequestSink } from "../../src/http/codec.ts";
import { listenH2, TestShared } from "../../src/http/h2/h2-sockets.ts";
import type { Http2ServerStream } from "../../src/http/h2/server-codec.ts";
import { ResponseHead } from "../../src/http/header-block.ts";
import { requirePeer } from "../peers.ts";

/** Answers each whole request with "hello". */
function hello(writer: Http2ServerStream): RequestSink {
  const answer = (): void => {
    const head = new ResponseHead();
    head.status = 200;
    head.append("content-length", "5");
    writer.writeHead(head, false);
    writer.writeData(Buffer.from("hello"), true);
  };
  return {
    onHead: (_head, endStream) => endStream && answer(),
    onData: (_bytes, endStream) => endStream && answer(),
    onTrailers: answer,
    onReset: () => {},
    onWritable: () => {},
  };
}

// Envoy 1.40 fails 12 of these.
test("h2spec: the server's codec passes every case", async (context) => {
  const h2spec = requirePeer("h2spec", context);
  const server = await listenH2(new TestShared(), hello);
  const output = await new Promise<string>((resolve) => {
    const options = ["-h", "127.0.0.1", "-p", String(server.port), "-o", "2", "generic", "hpack", "http2"];
    execFile(h2spec, options, { timeout: 60_000 }, (_error, stdout) => resolve(stdout));
  });
  server.close();
  const failures = output.split("\n").filter((line) => line.includes("×"));
  expect(failures).toEqual([]);
  expect(output).toMatch(/145 tests, 145 passed, 0 skipped, 0 failed/);
});
