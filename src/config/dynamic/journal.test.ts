import { create, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../../proto/generated/envoy/config/route/v3/route_pb.ts";
import { Problems } from "../../proto/problems.ts";
import type { XdsUpdate } from "../../xds-client/subscription.ts";
import { ConfigJournal } from "./journal.ts";
import { ResourceRecords, readResource } from "./records.ts";

const typeUrl = `type.googleapis.com/${RouteConfigurationSchema.typeName}`;

/** Refuses what has "bad" in its name: as a whole, or in part. */
class Taker {
  readonly typeUrl = typeUrl;
  readonly records = new ResourceRecords();
  takesParts = false;

  onUpdate({ resources }: XdsUpdate): string {
    const refusals = resources.map(({ version, value }) => {
      const message = readResource(RouteConfigurationSchema, value as Any, new Problems()) as RouteConfiguration;
      const bytes = (value as Any).value;
      const problems = new Problems();
      if (message.internalOnlyHeaders.includes("bad")) problems.error("internal_only_headers", "is bad");
      if (problems.hasErrors && this.takesParts)
        return this.records.acceptPartly(message.name, version, message, problems, message, bytes);
      if (problems.hasErrors) return this.records.refuse(message.name, version, problems, message, bytes);
      if (!this.records.confirm(message.name, bytes))
        this.records.accept(message.name, version, () => message, bytes, false);
      return "";
    });
    return refusals.filter((text) => text !== "").join("\n");
  }

  onAttempt(): void {}
  onFailure(): void {}
  onFetchTimeout(): void {}
}

function update(version: string, ...internalOnlyHeaders: string[]): XdsUpdate {
  const message = create(RouteConfigurationSchema, { name: "a", internalOnlyHeaders });
  const value = create(AnySchema, { typeUrl, value: toBinary(RouteConfigurationSchema, message) });
  return {
    version,
    resources: [{ name: "", aliases: [], version, value, ttlMs: null }],
    removed: [],
    isWholeState: true,
  };
}

function journaled(): { taker: Taker; journal: ConfigJournal; log: string[]; send: (update: XdsUpdate) => string } {
  const log: string[] = [];
  const journal = new ConfigJournal((_, message) => log.push(message));
  const taker = new Taker();
  const source = { kind: "FILE", path: "/a", folder: "", fetchTimeoutMs: 0 } as const;
  return { taker, journal, log, send: (one) => journal.observe(taker, source, null).onUpdate(one) };
}

test("updates that change nothing are no news; the others stand newest first with what became of them", () => {
  const { journal, send } = journaled();
  send(update("1"));
  send(update("2"));
  send(update("3", "x"));
  expect(send(update("4", "bad"))).toBe("internal_only_headers: is bad");
  expect(journal.entries(typeUrl).map(({ version, changes }) => [version, changes[0]?.outcome])).toEqual([
    ["4", "REFUSED"],
    ["3", "CHANGED"],
    ["1", "ADDED"],
  ]);
  expect(journal.sources).toMatchObject([{ source: "/a", version: "3", stream: null, failure: null }]);
});

test("the same refusal again is counted, and logged at each doubling", () => {
  const { journal, log, send } = journaled();
  for (let i = 0; i < 9; i++) send(update("1", "bad"));
  expect(journal.entries(typeUrl)).toMatchObject([{ times: 9 }]);
  expect(log.map((text) => /(\d+) times/.exec(text)?.[1] ?? "1")).toEqual(["1", "2", "4", "8"]);
});

test("other bytes with the same fault are news, and so is the same refused in another way", () => {
  const { taker, journal, log, send } = journaled();
  send(update("1", "bad"));
  send(update("2", "bad", "more"));
  taker.takesParts = true;
  send(update("2", "bad", "more"));
  expect(journal.entries(typeUrl)).toHaveLength(3);
  expect(log[2]).toMatch(/what has no fault in it is taken\n {2}a \(the rest of it serves\)\n/);
});

test("only the last updates are kept", () => {
  const { journal, send } = journaled();
  for (let i = 0; i < 100; i++) send(update(String(i), String(i)));
  const entries = journal.entries(typeUrl);
  expect(entries).toHaveLength(32);
  expect(entries[0]?.number).toBe(100);
});
