import { checkCoverage } from "./coverage.ts";
import type { DataSource } from "./generated/envoy/config/core/v3/base_pb.ts";
import {
  type GrpcService_GoogleGrpc,
  type GrpcService_GoogleGrpc_CallCredentials,
  GrpcService_GoogleGrpcSchema,
} from "./generated/envoy/config/core/v3/grpc_service_pb.ts";
import type { Problems } from "./problems.ts";

/** google_grpc: a server that is named itself, not by a cluster. */
export interface GoogleGrpcSpec {
  host: string;
  port: number;
  /** Of a Unix socket; then there is no host. */
  path: string | null;
  /** ssl_credentials; null for plain text. */
  tls: { roots: PemSpec; key: PemSpec; chain: PemSpec } | null;
  /** call_credentials: authorization, where it is given. */
  metadata: [string, string][];
}

/** Where PEM is; null: nowhere, and for roots those of the system. */
export type PemSpec = { kind: "filename" | "inlineString" | "environmentVariable"; value: string } | null;

/** GrpcService.GoogleGrpc; null after telling a fault. */
export function parseGoogleGrpc(message: GrpcService_GoogleGrpc, problems: Problems): GoogleGrpcSpec | null {
  const before = problems.errorCount;
  checkCoverage(GrpcService_GoogleGrpcSchema, message, problems, {
    honoured: ["target_uri", "channel_credentials", "call_credentials", "stat_prefix"],
    harmless: ["per_stream_buffer_limit_bytes"],
  });
  const target = parseTarget(message.targetUri);
  if (target === null) {
    problems.error(
      "target_uri",
      `"${message.targetUri}" is none that Nuncio knows: it is host:port, dns:///host:port, ipv4:address:port or unix:path`,
    );
  }
  const credentials = message.channelCredentials?.credentialSpecifier;
  let tls: GoogleGrpcSpec["tls"] = null;
  if (credentials?.case === "sslCredentials") {
    const at = problems.at("channel_credentials.ssl_credentials");
    const { rootCerts, privateKey, certChain } = credentials.value;
    tls = {
      roots: parsePem(rootCerts, at.at("root_certs")),
      key: parsePem(privateKey, at.at("private_key")),
      chain: parsePem(certChain, at.at("cert_chain")),
    };
  } else if (credentials?.case === "googleDefault") {
    problems.error(
      "channel_credentials.google_default",
      "Google's own credentials are not implemented in Nuncio; ssl_credentials and an access_token are",
    );
  }
  const metadata = message.callCredentials.flatMap((call, i) => parseCall(call, problems.at(`call_credentials[${i}]`)));
  return target === null || problems.errorCount > before ? null : { ...target, tls, metadata };
}

function parseCall(
  { credentialSpecifier: call }: GrpcService_GoogleGrpc_CallCredentials,
  problems: Problems,
): [string, string][] {
  if (call.case === "accessToken") return [["authorization", `Bearer ${call.value}`]];
  if (call.case !== undefined) {
    problems.error(
      "",
      "is not implemented in Nuncio: access_token is; a token that changes can be added by the credential injector of a cluster",
    );
  }
  return [];
}

/** gRPC's names of servers (doc/naming.md); a port that is not said is 443. */
function parseTarget(uri: string): Pick<GoogleGrpcSpec, "host" | "port" | "path"> | null {
  if (uri.startsWith("unix:")) {
    const path = uri.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
    return path === "" ? null : { host: "", port: 0, path };
  }
  const name = uri.replace(/^(?:dns:(?:\/\/[^/]*\/)?|ipv4:|ipv6:)/, "");
  const found = /^(?:\[([^\]]+)\]|([^:/[\]]+))(?::(\d{1,5}))?$/.exec(name);
  if (found === null) return null;
  const port = found[3] === undefined ? 443 : Number(found[3]);
  return port > 65_535 ? null : { host: found[1] ?? found[2] ?? "", port, path: null };
}

function parsePem(source: DataSource | undefined, problems: Problems): PemSpec {
  const specifier = source?.specifier;
  switch (specifier?.case) {
    case "filename":
    case "inlineString":
    case "environmentVariable":
      return { kind: specifier.case, value: specifier.value };
    case "inlineBytes":
      return { kind: "inlineString", value: Buffer.from(specifier.value).toString("latin1") };
    default:
      if (source !== undefined) problems.error("", "is empty");
      return null;
  }
}
