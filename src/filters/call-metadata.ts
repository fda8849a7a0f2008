import type { StreamInfo } from "../observability/stream-info.ts";
import type { GrpcServiceSpec } from "../proto/api-source.ts";
import type { GrpcService } from "../proto/generated/envoy/config/core/v3/grpc_service_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { compileTemplate, TemplateValue } from "../router/template-value.ts";

/** The fields of a call that a filter makes for a request: its time limit, and initial_metadata with what its %OPERATORS% say of the request. */
export class CallMetadata {
  readonly #limit: [string, string][];
  readonly #values: [name: string, value: TemplateValue][];

  constructor({ metadata }: Pick<GrpcServiceSpec, "metadata">, timeoutMs: number) {
    this.#limit = timeoutMs > 0 ? [["grpc-timeout", `${timeoutMs}m`]] : [];
    this.#values = metadata.map(([name, value]) => [name, new TemplateValue(value)]);
  }

  of(info: StreamInfo): [string, string][] {
    const said = this.#values.map(([name, value]): [string, string] => [name, value.of(info)]);
    return [...this.#limit, ...said.filter(([, value]) => value !== "")];
  }
}

/** `problems` is that of the GrpcService. */
export function checkMetadata({ initialMetadata }: GrpcService, problems: Problems): void {
  for (const [i, { value }] of initialMetadata.entries()) {
    const compiled = value.includes("%") ? compileTemplate(value) : null;
    if (compiled !== null && "error" in compiled) {
      problems.error(`initial_metadata[${i}].value`, compiled.error, { envoyText: compiled.error });
    }
  }
}
