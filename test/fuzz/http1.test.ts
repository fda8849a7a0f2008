import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ClientRecorder, ServerRecorder } from "../../src/http/h1/h1-recorder.ts";
import { defaultHttp1Options } from "../../src/http/h1/options.ts";
import { captures, mutated, places, runs, waysToCut } from "./mutate.ts";

// HTTP/1.1 codecs: recorded messages and the malformed ones of the corpus, changed: no throw, and where they are cut changes nothing.

interface Malformed {
  dir: "request" | "response";
  bytes_escaped: string;
}
const corpus = JSON.parse(
  readFileSync(join(import.meta.dirname, "../differential/h1-malformed.json"), "utf8"),
) as Malformed[];
const malformed = (dir: Malformed["dir"]): Buffer[] =>
  corpus
    .filter((entry) => entry.dir === dir && entry.bytes_escaped.length < 2000)
    .map(({ bytes_escaped: text }) =>
      Buffer.from(
        text.replace(/\\x([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
        "latin1",
      ),
    );
const requests = [...captures("http1Requests"), ...malformed("request")].map(inLines);
const responses = [...captures("http1Responses"), ...malformed("response")].map(inLines);
const words = [
  "\r\n",
  "\n",
  "\r",
  ":",
  " ",
  "\0",
  "0",
  "\r\n\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Content-Length: 3\r\n",
  "%",
  "\x80",
  "f",
  ";a=b",
].map((text) => Buffer.from(text, "latin1"));

describe.each([false, true])("leniency %s", (leniency) => {
  const options = { ...defaultHttp1Options, leniency };

  test.each(["head", "end", "never"] as const)("requests, answered at %s", (answerAt) => {
    fc.assert(
      fc.property(mutated(requests, words), places, (bytes, cuts) => {
        const outcomes = waysToCut(bytes, cuts).map((parts) => {
          const run = new ServerRecorder(options, answerAt);
          for (const part of parts) feed(run.codec, part);
          run.codec.onTransportEnd();
          return { events: run.events, written: run.output.text };
        });
        for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
      }),
      runs(700),
    );
  });

  test.each([
    { method: "GET", fields: [] },
    { method: "HEAD", fields: [] },
    { method: "CONNECT", fields: [] },
    {
      method: "GET",
      fields: [
        ["upgrade", "websocket"],
        ["connection", "upgrade"],
      ] as [string, string][],
    },
  ])("responses to $method $fields.0.0", ({ method, fields }) => {
    fc.assert(
      fc.property(mutated(responses, words), places, (bytes, cuts) => {
        const outcomes = waysToCut(bytes, cuts).map((parts) => {
          const run = new ClientRecorder(options);
          run.request(method, fields);
          for (const part of parts) feed(run.codec, part);
          run.codec.onTransportEnd();
          return run.events;
        });
        for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
        const ends = outcomes[0]?.filter((event) => /^(end|reset|trailers)|] end$/.test(event)) ?? [];
        expect(ends.length).toBeLessThanOrEqual(1);
      }),
      runs(500),
    );
  });
});

function inLines(bytes: Buffer): Buffer[] {
  return (bytes.latin1Slice().match(/[^\n]*\n|[^\n]+$/g) ?? []).map((line) => Buffer.from(line, "latin1"));
}

/** From a buffer that is used for others afterwards, as a thread's is. */
function feed(codec: { feed(bytes: Buffer, length: number): void }, part: Buffer): void {
  const lent = Buffer.concat([part, stale]);
  codec.feed(lent, part.length);
  lent.fill(0x58);
}

const stale = Buffer.from("\r\n\r\nGET /stale HTTP/1.1\r\n\r\n");
