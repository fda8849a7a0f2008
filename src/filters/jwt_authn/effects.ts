import type { RequestHead } from "../../http/header-block.ts";
import { sortedJson } from "../../observability/format-values.ts";
import { wire } from "../../router/text.ts";
import type { FilterStream } from "../api.ts";
import type { JwtProviderSpec } from "./spec.ts";
import { codeOf } from "./status.ts";
import type { Jwt } from "./token.ts";
import { type FoundToken, removeToken } from "./token-places.ts";
import type { Verdict } from "./verification.ts";

/** Takes away what only the filter may write. Envoy: Extractor::sanitizeHeaders. */
export function sanitizeOf(head: RequestHead, { payloadHeader, claimToHeaders }: JwtProviderSpec): void {
  if (payloadHeader !== "") head.remove(payloadHeader);
  for (const { header } of claimToHeaders) head.remove(header);
}

/** Tells upstream, routes and later filters of the tokens. Envoy: AuthenticatorImpl::handleGoodJwt. */
export function applyVerdict(stream: FilterStream, head: RequestHead, verdict: Verdict): void {
  let clearsRoute = false;
  for (const { provider, jwt, token } of verdict.good) {
    if (applyToken(stream, head, provider.spec, jwt, token)) clearsRoute = true;
  }
  for (const { provider, status } of verdict.failed) {
    const key = provider.spec.failedStatusInMetadata;
    if (key !== "") addMetadata(stream, key, { code: codeOf(status), message: status });
  }
  if (clearsRoute) stream.refreshRoute();
}

/** True: the route is to be chosen anew. */
export function applyToken(
  stream: FilterStream,
  head: RequestHead,
  spec: JwtProviderSpec,
  jwt: Jwt,
  token: FoundToken,
): boolean {
  if (spec.payloadHeader !== "") head.append(spec.payloadHeader, payloadOf(jwt, spec.padsPayloadHeader));
  for (const { header, path } of spec.claimToHeaders) {
    const value = claimText(claimAt(jwt.payload, path));
    if (value !== "") head.append(header, value);
  }
  if (!spec.forwards) removeToken(head, token.place);
  if (spec.payloadInMetadata !== "") {
    addMetadata(stream, spec.payloadInMetadata, normalized(jwt.payload, spec.spaceDelimitedClaims));
  }
  if (spec.headerInMetadata !== "") addMetadata(stream, spec.headerInMetadata, jwt.header);
  return spec.clearsRouteCache;
}

function payloadOf({ payloadText }: Jwt, isPadded: boolean): string {
  return isPadded ? payloadText.padEnd(Math.ceil(payloadText.length / 4) * 4, "=") : payloadText;
}

function claimAt(payload: Record<string, unknown>, path: readonly string[]): unknown {
  let value: unknown = payload;
  for (const key of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
      return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** "" for what is not told. */
function claimText(value: unknown): string {
  switch (typeof value) {
    case "string":
      return wire(value);
    case "number":
      return Number.isInteger(value) ? String(value) : value.toFixed(6);
    case "boolean":
      return String(value);
    default:
      return value === undefined || value === null ? "" : Buffer.from(sortedJson(value)).toString("base64");
  }
}

function normalized(payload: Record<string, unknown>, claims: readonly string[]): Record<string, unknown> {
  if (claims.length === 0) return payload;
  const copy = { ...payload };
  for (const claim of claims) {
    const value = copy[claim];
    if (typeof value === "string") copy[claim] = value.split(" ").filter((word) => word !== "");
  }
  return copy;
}

function addMetadata({ info }: FilterStream, key: string, value: Record<string, unknown>): void {
  info.addMetadata(filterName, { [key]: value });
}

const filterName = "envoy.filters.http.jwt_authn";
