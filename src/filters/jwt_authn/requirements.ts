import { withoutSlash } from "./audience.ts";
import type { Provider } from "./providers.ts";
import type { RequirementSpec } from "./spec.ts";
import { TokenPlaces } from "./token-places.ts";

/** A JwtRequirement, live. */
export type Requirement =
  | ProviderRequirement
  /** What allows missing or failed tokens stands beside the others. */
  | { kind: "any"; of: readonly Requirement[]; allowsMissing: boolean; allowsFailed: boolean }
  | { kind: "all"; of: readonly Requirement[] }
  | { kind: "allowMissing" | "allowMissingOrFailed" };

export interface ProviderRequirement {
  kind: "provider";
  provider: Provider;
  places: TokenPlaces;
  /** null: the provider's. */
  audiences: ReadonlySet<string> | null;
}

export function linkRequirement(spec: RequirementSpec, providers: ReadonlyMap<string, Provider>): Requirement {
  switch (spec.kind) {
    case "provider": {
      const provider = providers.get(spec.name);
      if (provider === undefined) throw new Error(`parse accepted the provider ${spec.name}`);
      const audiences = spec.audiences === null ? null : new Set(spec.audiences.map(withoutSlash));
      return { kind: "provider", provider, places: new TokenPlaces([provider.spec]), audiences };
    }
    case "any": {
      const has = (kind: string) => spec.of.some((one) => one.kind === kind);
      return {
        kind: "any",
        of: spec.of
          .filter(({ kind }) => kind !== "allowMissing" && kind !== "allowMissingOrFailed")
          .map((one) => linkRequirement(one, providers)),
        allowsMissing: has("allowMissing"),
        allowsFailed: has("allowMissingOrFailed"),
      };
    }
    case "all":
      return { kind: "all", of: spec.of.map((one) => linkRequirement(one, providers)) };
    case "allowMissing":
    case "allowMissingOrFailed":
      return spec;
  }
}
