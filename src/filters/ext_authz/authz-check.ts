import type { ResponseHead } from "../../http/header-block.ts";
import { localReply } from "../../observability/local-replies.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import { isDue, isOverwrite } from "../../router/header-mutation.ts";
import type { Cluster } from "../../upstream/cluster.ts";
import type { FilterStream } from "../api.ts";
import type { ClusterCounters } from "../cluster-counters.ts";
import type { CheckContext, ShownBody } from "./check-request.ts";
import { CheckStats, ShadowDecision } from "./filter-state.ts";
import type { MutationRules } from "./mutation-rules.ts";
import { changeRequest, isTooLarge, isValid } from "./request-changes.ts";
import type { AuthzCall, AuthzService, VerdictSink } from "./services.ts";
import type { AuthzBodySpec, ExtAuthzSpec } from "./spec.ts";
import type { FieldChange, Verdict } from "./verdict.ts";

/** What a check takes from its filter. */
export interface AuthzSettings {
  readonly spec: ExtAuthzSpec;
  readonly rules: MutationRules | null;
  readonly stats: Record<(typeof statNames)[number], number>;
  readonly values: Float64Array;
  readonly counters: ClusterCounters;
  readonly headLimits: { fields: number; bytes: number };
  /** Of the filter: the key of its filter state. */
  readonly name: string;
}

/**
 * One request's question to the service.
 *
 *     (holding the body) -> begin -> waiting -> over: let through | answered
 *                                            -> over: cancelled, the stream ended
 */
export class AuthzCheck implements VerdictSink {
  readonly #settings: AuthzSettings;
  readonly #stream: FilterStream;
  readonly #slot: number;
  /** The one that the request would go to: it has stats too. */
  readonly #cluster: Cluster | null;
  /** null where the body is not asked for. */
  readonly body: AuthzBodySpec | null;
  #call: AuthzCall | null = null;
  #isBeginning = false;
  isWaiting = false;
  #isOver = false;
  #startMs = 0;
  /** null where nothing is told. */
  #told: CheckStats | null = null;
  /** For the upstream's response. */
  #fields: readonly FieldChange[] = [];

  constructor(
    settings: AuthzSettings,
    stream: FilterStream,
    slot: number,
    cluster: Cluster | null,
    body: AuthzBodySpec | null,
  ) {
    this.#settings = settings;
    this.#stream = stream;
    this.#slot = slot;
    this.#cluster = cluster;
    this.body = body;
  }

  /** The body waits for the service's word. */
  get holdsBody(): boolean {
    return this.body !== null && !this.#isOver;
  }

  /** `last`: what of the body is not held yet; null where it is not shown. */
  begin(service: AuthzService, context: CheckContext, last: Buffer | null): void {
    this.#startMs = performance.now();
    if (this.#settings.spec.tellsStats) this.#told = this.#openStats();
    this.isWaiting = true;
    this.#isBeginning = true;
    this.#call = service.ask(this.#stream, context, this.#shown(last), this);
    this.#isBeginning = false;
  }

  /** The stream ended. */
  cancel(): void {
    if (this.isWaiting) this.#call?.cancel();
    this.isWaiting = false;
    this.#isOver = true;
  }

  /** What the service says to the client besides, once. */
  addTo(head: ResponseHead): void {
    const fields = this.#fields;
    this.#fields = [];
    // Envoy keeps a list for each action, and goes through them in this order.
    for (const action of actionOrder) {
      for (const change of fields) {
        if (change.action !== action || !isDue(action, head, change.name)) continue;
        if (isOverwrite(action)) head.set(change.name, change.value);
        else head.append(change.name, change.value);
      }
    }
  }

  onVerdict(verdict: Verdict): void {
    if (this.#isOver) return;
    this.isWaiting = false;
    this.#isOver = true;
    const { spec } = this.#settings;
    const tookUs = Math.round((performance.now() - this.#startMs) * 1000);
    this.#told?.onVerdict(tookUs, this.#call?.wireBytes ?? null);
    if (verdict.hasUnknownAction && spec.validatesMutations) {
      this.#reject();
      return;
    }
    this.#noteMetadata(verdict);
    if (spec.isShadow) this.#noteDecision(verdict);
    switch (verdict.kind) {
      case "ok":
        this.#onOk(verdict);
        return;
      case "denied":
        this.#onDenied(verdict);
        return;
      case "error":
        this.#onError(verdict);
    }
  }

  #noteDecision({ kind, status, response }: Verdict): void {
    const { name, spec } = this.#settings;
    const { info } = this.#stream;
    const said = kind === "ok" ? 200 : status || spec.statusOnError;
    info.filterState ??= new Map();
    info.filterState.set(`${name}.shadow`, new ShadowDecision(kind, said, kind === "denied" ? response : []));
  }

  #onOk(verdict: Verdict): void {
    const { spec, rules, headLimits, values, stats } = this.#settings;
    const stream = this.#stream;
    const isGood = changeRequest(stream.request, verdict, rules, spec.validatesMutations);
    if (!isGood) {
      this.#reject();
      return;
    }
    if (isTooLarge(stream.request, headLimits)) {
      values[stats.request_header_limits_reached]++;
      this.#reject();
      return;
    }
    if (spec.clearsRouteCache && this.#changesRoute(verdict)) stream.refreshRoute();
    this.#fields = verdict.response;
    this.#count("ok");
    this.#letThrough();
  }

  #onDenied(verdict: Verdict): void {
    const { spec, counters, values, stats } = this.#settings;
    this.#count("denied");
    if (this.#cluster !== null && spec.chargesCluster) counters.countAnswer(this.#cluster, verdict.status);
    if (spec.isShadow) {
      values[stats.shadow_denied]++;
      this.#letThrough();
      return;
    }
    this.#refuse(verdict, verdict.status, "ext_authz_denied");
  }

  #onError(verdict: Verdict): void {
    const { spec, values, stats } = this.#settings;
    this.#count("error");
    if (spec.isShadow) {
      values[stats.shadow_error]++;
      this.#letThrough();
      return;
    }
    if (!spec.allowsOnFailure) {
      this.#refuse(verdict, verdict.status || spec.statusOnError, "ext_authz_error");
      return;
    }
    this.#count("failure_mode_allowed");
    if (spec.addsHeaderOnFailure) this.#stream.request.append("x-envoy-auth-failure-mode-allowed", "true");
    this.#letThrough();
  }

  #refuse({ response, body }: Verdict, status: number, details: string): void {
    const { spec } = this.#settings;
    if (spec.validatesMutations && !response.every(isValid)) {
      this.#reject();
      return;
    }
    const most = spec.maxDeniedBodyBytes;
    const shown = most > 0 ? Buffer.from(body).subarray(0, most).toString() : body;
    this.#stream.sendLocalReply(localReply(status, shown, details, ResponseFlag.UAEX), (head) => {
      for (const { name } of response) head.remove(name);
      for (const { name, value } of response) head.append(name, value);
      // That of the body as it is sent.
      head.remove("content-length");
    });
  }

  /** The service's answer is no good. */
  #reject(): void {
    this.#count("invalid");
    this.#stream.sendLocalReply(localReply(500, "", "ext_authz_invalid", ResponseFlag.UAEX));
  }

  #count(name: "ok" | "denied" | "error" | "invalid" | "failure_mode_allowed"): void {
    const { values, stats, counters } = this.#settings;
    values[stats[name]]++;
    if (this.#cluster !== null) counters.count(this.#cluster, name);
  }

  #letThrough(): void {
    if (!this.#isBeginning) this.#stream.continueRequest(this.#slot);
  }

  #changesRoute({ request, remove, querySet, queryRemove }: Verdict): boolean {
    if (querySet.length + queryRemove.length > 0) return true;
    const { clearingHeaders } = this.#settings.spec;
    const names = [...request.map(({ name }) => name), ...remove];
    return clearingHeaders.length === 0 ? names.length > 0 : names.some((name) => clearingHeaders.includes(name));
  }

  #noteMetadata({ kind, metadata }: Verdict): void {
    if (metadata === null || Object.keys(metadata).length === 0) return;
    const { spec, values, stats } = this.#settings;
    if (!spec.takesMetadata) {
      values[stats.ignored_dynamic_metadata]++;
      return;
    }
    const duration = kind === "ok" ? { ext_authz_duration: Math.floor(performance.now() - this.#startMs) } : {};
    this.#stream.info.addMetadata("envoy.filters.http.ext_authz", { ...metadata, ...duration });
  }

  /** null where another has put something under the name. A redirected request goes on with what was told of it. */
  #openStats(): CheckStats | null {
    const { info } = this.#stream;
    const { name, values, stats } = this.#settings;
    info.filterState ??= new Map();
    const known = info.filterState.get(name);
    if (known instanceof CheckStats) return known;
    if (known !== undefined) {
      values[stats.filter_state_name_collision]++;
      return null;
    }
    const told = new CheckStats();
    info.filterState.set(name, told);
    return told;
  }

  #shown(last: Buffer | null): ShownBody | null {
    const { body } = this;
    if (last === null || body === null) return null;
    const all = Buffer.concat([...this.#stream.requestWalk.held, last]);
    return { bytes: all.subarray(0, body.maxBytes), isPartial: all.length > body.maxBytes };
  }
}

const actionOrder = [
  "APPEND_IF_EXISTS_OR_ADD",
  "OVERWRITE_IF_EXISTS_OR_ADD",
  "ADD_IF_ABSENT",
  "OVERWRITE_IF_EXISTS",
] as const;

/** The counters of a filter. */
export const statNames = [
  "ok",
  "denied",
  "error",
  "disabled",
  "failure_mode_allowed",
  "invalid",
  "ignored_dynamic_metadata",
  "omitted_response_headers",
  "filter_state_name_collision",
  "request_header_limits_reached",
  "response_header_limits_reached",
  "shadow_denied",
  "shadow_error",
] as const;
