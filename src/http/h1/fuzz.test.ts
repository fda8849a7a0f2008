import fc from "fast-check";
import { expect, test } from "vitest";
import { ClientRecorder, feedText, ServerRecorder } from "./h1-recorder.ts";
import { defaultHttp1Options } from "./options.ts";

const words = [
  ..."GET / HTTP/1.1|POST /a?b HTTP/1.1|HTTP/1.1 200 OK|HTTP/1.1 100 Continue|Host: x|Host:|Content-Length: 3".split(
    "|",
  ),
  ..."Transfer-Encoding: chunked|Connection: close|Connection: a, host|X-A: b|Upgrade: h2c|3|abc|0|5;a=b|;|:| |\t".split(
    "|",
  ),
  ..."\r\n|\r\n|\r\n|\r\n\r\n|\r\n\r\n|\n|\r|\0|\x7f|é|%|http://a/|*".split("|"),
];
const text = fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 4, unit: "binary-ascii" })), {
  maxLength: 40,
});

for (const leniency of [false, true]) {
  const options = { ...defaultHttp1Options, leniency };

  test(`any bytes: no throw, and a cut changes nothing (${leniency ? "leniency" : "strict"}, server)`, () => {
    fc.assert(
      fc.property(text, fc.nat(400), (parts, at) => {
        const bytes = parts.join("");
        const runs = [bytes.length, -1, Math.min(at, bytes.length)].map((cut) => {
          const run = new ServerRecorder(options, "end");
          feedText(run.codec, bytes, cut);
          return run;
        });
        expect(runs[1]?.events).toEqual(runs[0]?.events);
        expect(runs[2]?.events).toEqual(runs[0]?.events);
        expect(runs[1]?.output.text).toBe(runs[0]?.output.text);
      }),
      { numRuns: 1500 },
    );
  });

  test(`any bytes: no throw, and a cut changes nothing (${leniency ? "leniency" : "strict"}, client)`, () => {
    fc.assert(
      fc.property(text, fc.nat(400), (parts, at) => {
        const bytes = parts.join("");
        const runs = [bytes.length, -1, Math.min(at, bytes.length)].map((cut) => {
          const run = new ClientRecorder(options);
          run.request("GET");
          feedText(run.codec, bytes, cut);
          run.codec.onTransportEnd();
          return run.events;
        });
        expect(runs[1]).toEqual(runs[0]);
        expect(runs[2]).toEqual(runs[0]);
      }),
      { numRuns: 1500 },
    );
  });
}
