import type { Message } from "@bufbuild/protobuf";
import { noImplementation, unpackExtension } from "../../proto/any.ts";
import type {
  DynamicMetadataInput,
  FilterStateInput,
} from "../../proto/generated/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.ts";
import type { TypedExtensionConfig } from "../../proto/generated/xds/core/v3/extension_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseHeaderName } from "../parse-headers.ts";
import type { InputSpec } from "./spec.ts";

/** The inputs that a place may use: full names of their messages. */
export interface InputRules {
  /** null: all that a request has. */
  allowed: ReadonlySet<string> | null;
  /** Envoy's words for one that may not be used here. */
  refusal: (typeName: string, name: string) => string;
}

/** null after telling what is wrong. */
export function parseInput(
  message: TypedExtensionConfig | undefined,
  rules: InputRules,
  problems: Problems,
): InputSpec | null {
  const unpacked = unpackExtension(message?.name ?? "", message?.typedConfig, problems, "typed_config");
  if (unpacked === null) return null;
  const { typeName } = unpacked.desc;
  const scope = problems.at("typed_config").at(unpacked.innerPath);
  if (typeName !== environmentVariable && !(rules.allowed?.has(typeName) ?? !chainInputs.includes(typeName))) {
    const name = message?.name ?? "";
    // Envoy has no such factory for requests.
    const envoyText = chainInputs.includes(typeName) ? noImplementation(name, typeName) : rules.refusal(typeName, name);
    scope.error("", `the input ${typeName} cannot be used here`, { envoyText });
    return null;
  }
  const parse = parsers[typeName];
  if (parse !== undefined) return parse(unpacked.message);
  scope.error("", `the input ${typeName} is not implemented in Nuncio yet`);
  return null;
}

const network = "envoy.extensions.matching.common_inputs.network.v3";
const ssl = "envoy.extensions.matching.common_inputs.ssl.v3";
const http = "envoy.type.matcher.v3";
/** Every place may use it. Envoy: CommonProtocolInput. */
const environmentVariable = "envoy.extensions.matching.common_inputs.environment_variable.v3.Config";

/** What every connection has, so that filters of both kinds may match on it. */
export const connectionInputs: readonly string[] = [
  ...["DestinationIP", "DestinationPort", "SourceIP", "SourcePort", "DirectSourceIP", "ServerName"].map(
    (name) => `${network}.${name}Input`,
  ),
  ...["FilterState", "NetworkNamespace"].map((name) => `${network}.${name}Input`),
  ...["UriSan", "DnsSan", "Subject"].map((name) => `${ssl}.${name}Input`),
];

/** What only the choice of a filter chain knows. */
const chainInputs = [`${network}.TransportProtocolInput`, `${network}.ApplicationProtocolInput`];

/** Where a filter chain is chosen. */
export const listenerInputs: readonly string[] = [...connectionInputs, ...chainInputs, `${network}.SourceTypeInput`];

const parsers: Record<string, (message: Message) => InputSpec> = {
  [`${http}.HttpRequestHeaderMatchInput`]: header("request_header"),
  [`${http}.HttpResponseHeaderMatchInput`]: header("response_header"),
  [`${http}.HttpResponseTrailerMatchInput`]: header("response_trailer"),
  [`${http}.HttpRequestTrailerMatchInput`]: () => ({ kind: "request_trailer" }),
  [`${http}.HttpRequestQueryParamMatchInput`]: (message) => ({
    kind: "query_param",
    name: (message as Message & { queryParam: string }).queryParam,
  }),
  [`${http}.HttpResponseStatusCodeMatchInput`]: () => ({ kind: "status_code" }),
  [`${http}.HttpResponseStatusCodeClassMatchInput`]: () => ({ kind: "status_code_class" }),
  [`${http}.HttpResponseLocalReplyMatchInput`]: () => ({ kind: "local_reply" }),
  [`${network}.DestinationIPInput`]: () => ({ kind: "destination_ip" }),
  [`${network}.DestinationPortInput`]: () => ({ kind: "destination_port" }),
  [`${network}.SourceIPInput`]: () => ({ kind: "source_ip" }),
  [`${network}.SourcePortInput`]: () => ({ kind: "source_port" }),
  [`${network}.DirectSourceIPInput`]: () => ({ kind: "direct_source_ip" }),
  [`${network}.SourceTypeInput`]: () => ({ kind: "source_type" }),
  [`${network}.ServerNameInput`]: () => ({ kind: "server_name" }),
  [`${network}.TransportProtocolInput`]: () => ({ kind: "transport_protocol" }),
  [`${network}.ApplicationProtocolInput`]: () => ({ kind: "application_protocol" }),
  [`${network}.NetworkNamespaceInput`]: () => ({ kind: "network_namespace" }),
  [`${network}.FilterStateInput`]: (message) => {
    const { key, field } = message as FilterStateInput;
    return { kind: "filter_state", name: key, field };
  },
  [`${network}.DynamicMetadataInput`]: (message) => {
    const { filter, path } = message as DynamicMetadataInput;
    return { kind: "dynamic_metadata", path: [filter, ...path.map(({ segment }) => segment.value ?? "")] };
  },
  [`${ssl}.UriSanInput`]: () => ({ kind: "uri_san" }),
  [`${ssl}.DnsSanInput`]: () => ({ kind: "dns_san" }),
  [`${ssl}.SubjectInput`]: () => ({ kind: "subject" }),
  [environmentVariable]: (message) => ({
    kind: "environment_variable",
    name: (message as Message & { name: string }).name,
  }),
  "xds.type.matcher.v3.HttpAttributesCelMatchInput": () => ({ kind: "cel" }),
};

function header(kind: "request_header" | "response_header" | "response_trailer") {
  return (message: Message): InputSpec => ({
    kind,
    name: parseHeaderName((message as Message & { headerName: string }).headerName),
  });
}
