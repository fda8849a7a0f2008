import type { RequestHead } from "../../http/header-block.ts";
import { localReplies } from "../../observability/local-replies.ts";
import { Credential, type CredentialSpec } from "../../upstream/credential.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import type { FilterDeps } from "../linkers.ts";

/** Puts a credential into requests; what a cluster's own injector does, in front of the router. Envoy: CredentialInjectorFilter. */
export class CredentialInjectorFilter implements Filter {
  readonly #credential: Credential;

  constructor(spec: CredentialSpec, { slab, statPrefix, secretText, tokens }: FilterDeps) {
    const secret = () => secretText(spec.secret);
    const source = spec.oauth2 === null ? null : tokens.of(spec.oauth2, statPrefix, secret);
    this.#credential = new Credential(spec, slab, statPrefix, secret, source);
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    if (this.#credential.addTo(head)) return HeadersStatus.Continue;
    stream.sendLocalReply(localReplies.noCredential);
    return HeadersStatus.StopIteration;
  }
}
