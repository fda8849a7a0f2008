import type { RequestHead } from "../../http/header-block.ts";
import { metadataAt } from "../../observability/format-values.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import type { OverrideHostSpec } from "../spec.ts";

/** The hosts that a request names, of which each attempt takes the next. Envoy: OverrideHostFilterState. */
export class NamedHosts {
  #names: string[] | null = null;
  #next = 0;

  /** The next one of them; null where there is none any more. */
  next(spec: OverrideHostSpec, head: RequestHead, info: StreamInfo): string | null {
    this.#names ??= namesIn(spec, head, info);
    return this.#names[this.#next++] ?? null;
  }

  reset(): void {
    this.#names = null;
    this.#next = 0;
  }
}

/** Leaves the address of the host in the dynamic metadata, for logs and filters. */
export function tellSelectedHost(key: readonly string[], address: string, info: StreamInfo): void {
  const [filter = "", ...path] = key;
  info.dynamicMetadata ??= new Map();
  const fields: Record<string, unknown> = { ...info.dynamicMetadata.get(filter) };
  let at = fields;
  for (const name of path.slice(0, -1)) {
    const inner = at[name];
    at = at[name] = typeof inner === "object" && inner !== null ? { ...inner } : {};
  }
  at[path.at(-1) ?? ""] = address;
  info.dynamicMetadata.set(filter, fields);
}

/** Of all sources in order: "ip:port" with commas in between. */
function namesIn(spec: OverrideHostSpec, head: RequestHead, info: StreamInfo): string[] {
  const texts = spec.sources.map(({ header, path }) =>
    header === "" ? metadataAt(info.dynamicMetadata, path) : head.find(header),
  );
  return texts
    .filter((text) => typeof text === "string")
    .flatMap((text) => text.split(",").map((name) => name.trim()))
    .filter((name) => name !== "");
}
