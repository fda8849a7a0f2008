import type { RequestHead } from "../../http/header-block.ts";
import { localReplies } from "../../observability/local-replies.ts";
import {
  addCredential,
  type CredentialResult,
  type CredentialSpec,
  credentialCounters,
} from "../../upstream/credential.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import type { FilterDeps } from "../linkers.ts";

/** Puts a secret into requests; what a cluster's own injector does, in front of the router. Envoy: CredentialInjectorFilter. */
export class CredentialInjectorFilter implements Filter {
  readonly #spec: CredentialSpec;
  readonly #deps: FilterDeps;
  readonly #stats: Record<CredentialResult, number>;

  constructor(spec: CredentialSpec, deps: FilterDeps) {
    this.#spec = spec;
    this.#deps = deps;
    this.#stats = credentialCounters(deps.slab, deps.statPrefix);
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    const spec = this.#spec;
    const result = addCredential(spec, this.#deps.secretText(spec.secret), head);
    this.#deps.slab.values[this.#stats[result]]++;
    if (result !== "failed" || spec.allowsNone) return HeadersStatus.Continue;
    stream.sendLocalReply(localReplies.noCredential);
    return HeadersStatus.StopIteration;
  }
}
