import { CidrSet } from "../net/cidr.ts";
import { metadataAt } from "../observability/format-values.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import { valueCondition } from "../observability/value-condition.ts";
import { StringMatcher } from "./matchers.ts";
import type { FilterStateMatcherSpec, MetadataMatcherSpec, RouteMatchSpec, TlsMatchSpec } from "./spec.ts";

/** What a route asks of the stream besides the request's head. */
export interface StreamCondition {
  matches(info: StreamInfo): boolean;
}

/** Those of tls_context, dynamic_metadata and filter_state. */
export function streamConditions(spec: RouteMatchSpec): StreamCondition[] {
  return [
    ...(spec.tls === null ? [] : [new TlsCondition(spec.tls)]),
    ...spec.metadata.map((matcher) => new MetadataCondition(matcher)),
    ...spec.filterState.map((matcher) => new FilterStateCondition(matcher)),
  ];
}

/** Envoy: RouteEntryImplBase::evaluateTlsContextMatch. Plain text shows no certificate. */
class TlsCondition implements StreamCondition {
  readonly #spec: TlsMatchSpec;

  constructor(spec: TlsMatchSpec) {
    this.#spec = spec;
  }

  matches({ downstreamTls }: StreamInfo): boolean {
    const { presented, validated } = this.#spec;
    if (presented !== null && presented !== (downstreamTls?.peer !== undefined)) return false;
    return validated === null || validated === (downstreamTls?.isPeerValidated ?? false);
  }
}

/** type.matcher.v3.MetadataMatcher, live: of what filters said of the stream, or of its route's metadata. */
export class MetadataCondition implements StreamCondition {
  readonly #spec: MetadataMatcherSpec;
  readonly #isOfRoute: boolean;
  readonly #accepts: (value: unknown) => boolean;

  constructor(spec: MetadataMatcherSpec, isOfRoute = false) {
    this.#spec = spec;
    this.#isOfRoute = isOfRoute;
    this.#accepts = valueCondition(spec.value, (string) => new StringMatcher(string));
  }

  matches({ dynamicMetadata, routeMetadata }: StreamInfo): boolean {
    const metadata = this.#isOfRoute ? routeMetadata : dynamicMetadata;
    return this.#accepts(metadataAt(metadata, this.#spec.path)) !== this.#spec.invert;
  }
}

/** Envoy: FilterStateMatcher. An object that is not there matches nothing. */
export class FilterStateCondition implements StreamCondition {
  readonly #key: string;
  readonly #string: StringMatcher | null;
  readonly #ranges: CidrSet | null;

  constructor(spec: FilterStateMatcherSpec) {
    this.#key = spec.key;
    this.#string = spec.string === null ? null : new StringMatcher(spec.string);
    this.#ranges = spec.ranges === null ? null : new CidrSet(spec.ranges);
  }

  matches({ filterState }: StreamInfo): boolean {
    const text = filterState?.get(this.#key)?.text() ?? null;
    if (text === null) return false;
    return this.#string !== null ? this.#string.matches(text) : (this.#ranges?.has(text) ?? false);
  }
}
