import { isIP } from "node:net";
import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { formatProblems } from "../config/report.ts";
import type { TlsContexts } from "../net/tls/contexts.ts";
import { StatsSlab } from "../observability/stats.ts";
import { Cluster_DiscoveryType, ClusterSchema } from "../proto/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { type Address, AddressSchema } from "../proto/generated/envoy/config/core/v3/address_pb.ts";
import {
  type DataSource,
  DataSourceSchema,
  type TransportSocket,
  TransportSocketSchema,
} from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import { SubjectAltNameMatcher_SanType } from "../proto/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import { UpstreamTlsContextSchema } from "../proto/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import type { GoogleGrpcSpec, PemSpec } from "../proto/google-grpc.ts";
import { Problems } from "../proto/problems.ts";
import { Cluster } from "../upstream/cluster.ts";
import { DnsCluster } from "../upstream/dns.ts";
import { parseCluster } from "../upstream/parse.ts";
import type { DnsSpec } from "../upstream/spec.ts";

/** The server of a google_grpc as a cluster of the main thread's own, which nobody else sees: it has no stats, and no place in /clusters. */
export class GoogleTarget {
  /** null where its TLS files cannot be read. */
  readonly cluster: Cluster | null;
  /** Settles when its name was looked up once. */
  readonly ready: Promise<void>;

  constructor(name: string, google: GoogleGrpcSpec, contexts: TlsContexts, warn: (message: string) => void) {
    const problems = new Problems(`google_grpc ${name}`);
    const isName = google.path === null && isIP(google.host) === 0;
    const type = isName ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.STATIC;
    const socket = google.tls === null ? {} : { transportSocket: tlsSocket(google.host, google.tls) };
    const message = create(ClusterSchema, {
      name,
      clusterDiscoveryType: { case: "type", value: type },
      http2ProtocolOptions: {},
      loadAssignment: {
        clusterName: name,
        endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: "endpoint", value: { address: addressOf(google) } } }] }],
      },
      ...socket,
    });
    const spec = parseCluster(message, problems, { workers: 1, leniency: false, contexts });
    if (spec === null) {
      const errors = problems.list.filter(({ severity }) => severity === "error");
      warn(formatProblems(errors, () => null));
    }
    const slab = new StatsSlab();
    const cluster = spec === null ? null : new Cluster(spec, slab, 0);
    this.cluster = cluster;
    this.ready =
      spec?.dns == null
        ? Promise.resolve()
        : new DnsCluster({ ...spec, dns: spec.dns satisfies DnsSpec }, 1, slab, ({ localities }) =>
            cluster?.updateHosts(localities),
          ).start();
  }
}

/** gRPC takes a server by the name that it was called by. */
function tlsSocket(host: string, { roots, key, chain }: NonNullable<GoogleGrpcSpec["tls"]>): TransportSocket {
  const context = create(UpstreamTlsContextSchema, {
    sni: isIP(host) === 0 ? host : "",
    commonTlsContext: {
      tlsCertificates:
        chain === null ? [] : [{ certificateChain: pem(chain), ...(key === null ? {} : { privateKey: pem(key) }) }],
      validationContextType: {
        case: "validationContext",
        value: {
          trustedCa: pem(roots ?? systemRoots),
          matchTypedSubjectAltNames: [
            {
              sanType: isIP(host) === 0 ? SubjectAltNameMatcher_SanType.DNS : SubjectAltNameMatcher_SanType.IP_ADDRESS,
              matcher: { matchPattern: { case: "exact", value: host } },
            },
          ],
        },
      },
    },
  });
  return create(TransportSocketSchema, {
    name: "envoy.transport_sockets.tls",
    configType: { case: "typedConfig", value: anyPack(UpstreamTlsContextSchema, context) },
  });
}

function addressOf({ host, port, path }: GoogleGrpcSpec): Address {
  if (path !== null) return create(AddressSchema, { address: { case: "pipe", value: { path } } });
  return create(AddressSchema, {
    address: { case: "socketAddress", value: { address: host, portSpecifier: { case: "portValue", value: port } } },
  });
}

function pem({ kind, value }: NonNullable<PemSpec>): DataSource {
  return create(DataSourceSchema, { specifier: { case: kind, value } });
}

/** Where Debian and those like it have them. */
const systemRoots: NonNullable<PemSpec> = { kind: "filename", value: "/etc/ssl/certs/ca-certificates.crt" };
