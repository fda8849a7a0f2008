import type { Message } from "@bufbuild/protobuf";
import type { Refusal } from "../config/dynamic/records.ts";
import type { DumpedRefusal } from "./admin/state.ts";

/** A refusal as /config_dump shows it. */
export function dumpedRefusal(refusal: Refusal, jsonOf: (message: Message) => Record<string, unknown>): DumpedRefusal {
  const { version, details, at, message } = refusal;
  return { version, details, at, json: message === null ? null : jsonOf(message) };
}
