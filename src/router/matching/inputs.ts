import type { X509Certificate } from "node:crypto";
import { decodedParam } from "../../http/query.ts";
import { isLoopback } from "../../net/cidr.ts";
import { alternativeNames, rfc2253 } from "../../net/tls/alternative-names.ts";
import { metadataAt, portOf, withoutPort } from "../../observability/format-values.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import type { UnchosenConnection } from "./match-facts.ts";
import type { InputSpec } from "./spec.ts";

/** Reads what a matcher looks at: null where there is nothing, `unavailable` where it is too early to know. */
export type Input = (info: StreamInfo) => unknown;

/** The stream is not so far yet. Envoy: DataAvailability::NotAvailable. */
export const unavailable: unique symbol = Symbol("unavailable");

export function linkInput(spec: InputSpec): Input {
  switch (spec.kind) {
    case "request_header":
      return ({ request }) => request.joined(spec.name);
    case "response_header":
      return ({ response }) => (response === null ? unavailable : response.joined(spec.name));
    case "response_trailer":
      return ({ responseTrailers }) => (responseTrailers === null ? unavailable : responseTrailers.joined(spec.name));
    case "request_trailer":
      return () => unavailable;
    case "query_param":
      return ({ request }) => decodedParam(request.path, spec.name);
    case "environment_variable": {
      const value = process.env[spec.name] ?? null;
      return () => value;
    }
    case "filter_state": {
      const { name, field } = spec;
      return ({ filterState }) => {
        const object = filterState?.get(name);
        // One without fields is its text all the same, as in Envoy.
        return (field === "" || object?.field === undefined ? object?.text() : object.field(field)) ?? null;
      };
    }
    case "dynamic_metadata":
      return ({ dynamicMetadata }) => metadataAt(dynamicMetadata, spec.path);
    case "status_code":
      return ({ responseCode }) => (responseCode === 0 ? unavailable : String(responseCode));
    case "status_code_class":
      return ({ responseCode }) => (responseCode === 0 ? unavailable : statusClass(responseCode));
    case "local_reply":
      return ({ responseCode, details }) =>
        responseCode === 0 ? unavailable : details === "via_upstream" ? "false" : "true";
    case "destination_ip":
      return ({ downstreamLocalAddress }) => ipOf(downstreamLocalAddress);
    case "destination_port":
      return ({ downstreamLocalAddress }) => portText(downstreamLocalAddress);
    case "source_ip":
      return ({ downstreamRemoteAddress }) => ipOf(downstreamRemoteAddress);
    case "source_port":
      return ({ downstreamRemoteAddress }) => portText(downstreamRemoteAddress);
    case "direct_source_ip":
      return ({ downstreamDirectRemoteAddress }) => ipOf(downstreamDirectRemoteAddress);
    case "source_type":
      return ({ downstreamRemoteAddress, downstreamLocalAddress }) =>
        isLocal(withoutPort(downstreamRemoteAddress), withoutPort(downstreamLocalAddress)) ? "local" : null;
    case "server_name":
      return ({ requestedServerName }) => requestedServerName || null;
    case "transport_protocol":
      return (info) => (info as UnchosenConnection).facts.transportProtocol;
    case "application_protocol":
      return (info) => quoted((info as UnchosenConnection).facts.applicationProtocols);
    case "network_namespace":
      // No address of a listener has one.
      return () => null;
    // Without TLS there is nothing to know them by.
    case "uri_san":
      return ({ downstreamTls }) => (downstreamTls === null ? unavailable : names(downstreamTls.peer, "URI"));
    case "dns_san":
      return ({ downstreamTls }) => (downstreamTls === null ? unavailable : names(downstreamTls.peer, "DNS"));
    case "subject":
      return ({ downstreamTls }) =>
        downstreamTls === null ? unavailable : rfc2253(downstreamTls.peer?.subject) || null;
    case "cel":
      return (info) => info;
  }
}

/** `'h2','http/1.1'` */
function quoted(names: readonly string[]): string | null {
  return names.length === 0 ? null : names.map((name) => `'${name}'`).join(",");
}

/** Several values are one, joined: Envoy matches a list of names as one text. */
function names(certificate: X509Certificate | undefined, type: string): string | null {
  if (certificate === undefined) return null;
  const found = alternativeNames(certificate).filter((name) => name.type === type);
  return found.length === 0 ? null : found.map(({ value }) => value).join(",");
}

function statusClass(code: number): string | null {
  return code >= 100 && code < 600 ? `${Math.floor(code / 100)}xx` : null;
}

function ipOf(address: string): string | null {
  return address === "" ? null : withoutPort(address);
}

function portText(address: string): string | null {
  const port = portOf(address);
  return port === null ? null : String(port);
}

function isLocal(remote: string, local: string): boolean {
  return isLoopback(remote) || remote === local;
}
