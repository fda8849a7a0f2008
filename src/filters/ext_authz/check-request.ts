import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { pseudoFields, type RequestHead } from "../../http/header-block.ts";
import { alternativeNames, rfc2253 } from "../../net/tls/alternative-names.ts";
import { portOf, withoutPort } from "../../observability/format-values.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import type { AttributeContext_PeerSchema } from "../../proto/generated/envoy/service/auth/v3/attribute_context_pb.ts";
import { CheckRequestSchema } from "../../proto/generated/envoy/service/auth/v3/external_auth_pb.ts";
import type { StringMatcher } from "../../router/matchers.ts";
import { isAscii } from "../../router/text.ts";
import type { FilterStream } from "../api.ts";
import type { ExtAuthzSpec } from "./spec.ts";

/** What of a request's fields a service sees. */
export interface FieldChoice {
  /** null: all. */
  allowed: readonly StringMatcher[] | null;
  disallowed: readonly StringMatcher[];
}

/** The body that a service is shown. */
export interface ShownBody {
  bytes: Buffer;
  isPartial: boolean;
}

/** The fields that a service sees, pseudo-fields first, those of one name joined, in wire text. Envoy: CheckRequestUtils::setHttpRequest. */
export function shownFields(head: RequestHead, choice: FieldChoice, body: ShownBody | null): [string, string][] {
  const fields = new Map<string, string>();
  const add = (name: string, value: string) => {
    if (name === "" || name === partialField) return;
    if (choice.allowed !== null && !choice.allowed.some((matcher) => matcher.matches(name))) return;
    if (choice.disallowed.some((matcher) => matcher.matches(name))) return;
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before},${value}`);
  };
  for (const name of pseudoFields) {
    const value = head.find(name);
    if (value !== null) add(name, value);
  }
  for (let i = 0; i < head.size; i++) add(head.names[i] as string, head.values[i] as string);
  if (body !== null) fields.set(partialField, String(body.isPartial));
  return [...fields];
}

/** What a CheckRequest is made of besides the stream. */
export interface CheckContext {
  spec: ExtAuthzSpec;
  choice: FieldChoice;
  extensions: Record<string, string>;
  /** Of the destination. */
  labels: Record<string, string>;
}

/** The bytes of an envoy.service.auth.v3.CheckRequest. Envoy: CheckRequestUtils::createHttpCheck. */
export function encodeCheckRequest(stream: FilterStream, context: CheckContext, body: ShownBody | null): Uint8Array {
  const { info, request: head } = stream;
  const { spec } = context;
  const fields = shownFields(head, context.choice, body);
  const seconds = Math.floor(info.startTimeMs / 1000);
  return toBinary(
    CheckRequestSchema,
    create(CheckRequestSchema, {
      attributes: {
        source: sourceOf(info, spec, text(head.find("x-envoy-downstream-service-cluster") ?? "")),
        destination: destinationOf(info, context.labels),
        request: {
          time: { seconds: BigInt(seconds), nanos: Math.round((info.startTimeMs - seconds * 1000) * 1000) * 1000 },
          http: {
            id: String(++lastId),
            method: text(head.method),
            path: text(head.path),
            host: text(head.authority),
            scheme: head.scheme,
            size: BigInt(info.bytesReceived),
            protocol: info.protocol,
            ...(spec.hasRawHeaders
              ? {
                  headerMap: {
                    headers: fields.map(([key, value]) => ({ key, rawValue: Buffer.from(value, "latin1") })),
                  },
                }
              : { headers: Object.fromEntries(fields.map(([name, value]) => [text(name), text(value)])) }),
            ...bodyOf(body, spec.packsAsBytes),
          },
        },
        contextExtensions: context.extensions,
        metadataContext: { filterMetadata: chosen(info.dynamicMetadata, spec.metadataNamespaces) },
        routeMetadataContext: {
          filterMetadata: chosen(new Map(Object.entries(info.routeMetadata ?? {})), spec.routeMetadataNamespaces),
        },
        ...(spec.hasTlsSession ? { tlsSession: { sni: info.requestedServerName } } : {}),
      },
    }),
  );
}

type Peer = MessageInitShape<typeof AttributeContext_PeerSchema>;

function sourceOf(info: StreamInfo, spec: ExtAuthzSpec, service: string): Peer {
  const peer = info.downstreamTls?.peer;
  return {
    address: addressOf(info.downstreamConnectionAddress),
    service,
    principal: peer === undefined ? "" : principalOf(peer),
    certificate: peer !== undefined && spec.hasPeerCertificate ? encodeURIComponent(peer.toString()) : "",
  };
}

function destinationOf(info: StreamInfo, labels: Record<string, string>): Peer {
  const own = info.downstreamTls?.own;
  return {
    address: addressOf(info.downstreamLocalAddress),
    labels,
    principal: own === undefined ? "" : principalOf(own),
  };
}

/** The first name of the best kind that there is, else the subject. */
function principalOf(certificate: Parameters<typeof alternativeNames>[0]): string {
  const names = alternativeNames(certificate);
  const first = names.find(({ type }) => type === "URI") ?? names.find(({ type }) => type === "DNS");
  return first?.value ?? rfc2253(certificate.subject);
}

function addressOf(address: string): NonNullable<Peer["address"]> {
  const port = portOf(address);
  return {
    address: {
      case: "socketAddress",
      value: { address: withoutPort(address), portSpecifier: { case: "portValue", value: port ?? 0 } },
    },
  };
}

function bodyOf(body: ShownBody | null, isRaw: boolean): { body: string } | { rawBody: Buffer } | object {
  if (body === null) return {};
  return isRaw ? { rawBody: body.bytes } : { body: text(body.bytes.toString("latin1")) };
}

function chosen(
  metadata: Map<string, Record<string, unknown>> | null,
  names: readonly string[],
): Record<string, Record<string, never>> {
  const found: Record<string, Record<string, never>> = {};
  for (const name of names) {
    const fields = metadata?.get(name);
    if (fields !== undefined) found[name] = fields as Record<string, never>;
  }
  return found;
}

/** Wire text as a protobuf string: what is no UTF-8 becomes "!", as in Envoy. */
function text(value: string): string {
  return isAscii(value) ? value : Buffer.from(value, "latin1").toString().replaceAll("\ufffd", "!");
}

/** Envoy numbers its streams; a service can tell requests apart by it. */
let lastId = 0;
const partialField = "x-envoy-auth-partial-body";
