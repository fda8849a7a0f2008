import { checkCoverage } from "../proto/coverage.ts";
import {
  type HttpConnectionManager,
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_SetCurrentClientCertDetailsSchema,
} from "../proto/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { ClientCertSpec } from "./client-cert.ts";

/** What x-forwarded-client-cert is to say. */
export function parseClientCert(message: HttpConnectionManager, problems: Problems): ClientCertSpec {
  const details = message.setCurrentClientCertDetails;
  if (details !== undefined) {
    checkCoverage(
      HttpConnectionManager_SetCurrentClientCertDetailsSchema,
      details,
      problems.at("set_current_client_cert_details"),
      // Node does not tell the chain as the client sent it.
      { honoured: ["subject", "cert", "dns", "uri"], harmless: ["chain"] },
    );
  }
  return {
    mode: modes[message.forwardClientCertDetails] ?? "SANITIZE",
    subject: details?.subject ?? false,
    cert: details?.cert ?? false,
    dns: details?.dns ?? false,
    uri: details?.uri ?? false,
  };
}

const modes: Record<number, ClientCertSpec["mode"]> = {
  [HttpConnectionManager_ForwardClientCertDetails.FORWARD_ONLY]: "FORWARD_ONLY",
  [HttpConnectionManager_ForwardClientCertDetails.APPEND_FORWARD]: "APPEND_FORWARD",
  [HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET]: "SANITIZE_SET",
  [HttpConnectionManager_ForwardClientCertDetails.ALWAYS_FORWARD_ONLY]: "ALWAYS_FORWARD_ONLY",
};
