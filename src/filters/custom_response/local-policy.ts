import type { ResponseHead } from "../../http/header-block.ts";
import { type BodyFormat, linkBodyFormat } from "../../observability/body-format.ts";
import { localReply } from "../../observability/local-replies.ts";
import { HeaderMutations } from "../../router/header-mutation.ts";
import { compileTemplate } from "../../router/template-value.ts";
import { type FilterStream, HeadersStatus } from "../api.ts";
import type { LocalPolicySpec } from "./parse.ts";

/** Answers in the proxy's own name. Envoy: LocalResponsePolicy. */
export class LocalPolicy {
  readonly #spec: LocalPolicySpec;
  readonly #format: BodyFormat | null;
  readonly #headers: HeaderMutations;

  constructor(spec: LocalPolicySpec) {
    this.#spec = spec;
    this.#format = linkBodyFormat(spec.bodyFormat);
    this.#headers = new HeaderMutations(spec.headersToAdd, [], compileTemplate);
  }

  respond(stream: FilterStream, head: ResponseHead): HeadersStatus {
    const spec = this.#spec;
    const { info } = stream;
    info.localReplyBody = spec.body;
    const body = this.#format === null ? spec.body : this.#format.formatter.format(info);
    info.localReplyBody = "";
    const reply = localReply(spec.status || head.status, body, spec.details ?? info.details);
    // The content type of the format is not looked at, as in Envoy.
    stream.replaceResponse(reply, (own) => this.#headers.apply(own, info));
    return HeadersStatus.StopIteration;
  }
}
