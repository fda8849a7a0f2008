import type { ApiSourceSpec } from "../../proto/api-source.ts";
import type { Change } from "./records.ts";

/** One update of a type that changed something, or tried to. */
export interface JournalEntry {
  /** Counts the entries of the process from 1. */
  number: number;
  at: Date;
  /** How often it came in a row, the same in all. */
  times: number;
  typeUrl: string;
  /** As people call it: "ads", a path. */
  source: string;
  version: string;
  /** The first of them. */
  changes: readonly Change[];
  changeCount: number;
  refusedCount: number;
  /** The whole text of the refusal; "" when all was taken. */
  refusal: string;
}

/** What is asked for at one source, and how that goes. */
export interface JournalSource {
  typeUrl: string;
  source: string;
  /** The stream that it comes by; null for a file. `typeUrl` null: the aggregated one. */
  stream: { api: ApiSourceSpec; typeUrl: string | null } | null;
  askedAt: Date;
  /** The last update, taken or refused; null before the first. */
  answeredAt: Date | null;
  /** The version last taken as a whole; "" before the first. */
  version: string;
  acceptedAt: Date | null;
  /** Why the last try to read it failed; null when it did not. */
  failure: { at: Date; text: string } | null;
}

/** "Listener" of "type.googleapis.com/envoy.config.listener.v3.Listener". */
export function typeOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf(".") + 1);
}
