import { type ApiSourceSpec, parseApiSource } from "./api-source.ts";
import { durationMsOr } from "./duration.ts";
import type { ConfigSource } from "./generated/envoy/config/core/v3/config_source_pb.ts";
import type { Problems } from "./problems.ts";

/** Where resources come from. Plain data. Envoy: ConfigSource. */
export type ConfigSourceSpec = { /** 0 waits for ever. */ fetchTimeoutMs: number } & (
  | { kind: "ADS" }
  | { kind: "FILE"; path: string /** watched_directory; "" for none. */; folder: string }
  | { kind: "API"; api: ApiSourceSpec }
);

/** null after telling a fault. */
export function parseConfigSource(message: ConfigSource | undefined, problems: Problems): ConfigSourceSpec | null {
  const fetchTimeoutMs = durationMsOr(message?.initialFetchTimeout, 15_000);
  const source = message?.configSourceSpecifier;
  switch (source?.case) {
    case "ads":
      return { kind: "ADS", fetchTimeoutMs };
    case "path":
      return { kind: "FILE", path: source.value, folder: "", fetchTimeoutMs };
    case "pathConfigSource": {
      const { path, watchedDirectory } = source.value;
      return { kind: "FILE", path, folder: watchedDirectory?.path ?? "", fetchTimeoutMs };
    }
    case "apiConfigSource": {
      const api = parseApiSource(source.value, problems.at("api_config_source"));
      return api === null ? null : { kind: "API", api, fetchTimeoutMs };
    }
    default:
      problems.error(
        "",
        `${source?.case ?? "an empty source"} is not implemented in Nuncio; use ads, api_config_source or path_config_source`,
      );
      return null;
  }
}
