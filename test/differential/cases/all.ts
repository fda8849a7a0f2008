import { plainRequest } from "../client-http2.ts";
import { pendingCases } from "../pending.ts";
import type { Case, Setup } from "../setup.ts";
import { admissionControlCases, admissionControlSetups } from "./admission-control.ts";
import { answerStatsCases, answerStatsSetups } from "./answer-stats.ts";
import { bandwidthLimitCases, bandwidthLimitSetups } from "./bandwidth-limit.ts";
import { basicsCases, basicsSetups } from "./basics.ts";
import { bufferCases, bufferSetups } from "./buffer.ts";
import { celCases, celSetups } from "./cel.ts";
import { compressorCases, compressorSetups } from "./compressor.ts";
import { corsCases, corsSetups } from "./cors.ts";
import { credentialInjectorCases, credentialInjectorSetups } from "./credential-injector.ts";
import { credentialsCases, credentialsSetups } from "./credentials.ts";
import { csrfCases, csrfSetups } from "./csrf.ts";
import { customResponseCases, customResponseSetups, customResponseStateSetups } from "./custom-response.ts";
import { customRedirectCases, customRedirectSetups } from "./custom-response-redirect.ts";
import { decompressorCases, decompressorSetups } from "./decompressor.ts";
import { extAuthzCases, extAuthzSetups } from "./ext-authz.ts";
import { failuresCases, failuresSetups } from "./failures.ts";
import { faultCases, faultSetups } from "./fault.ts";
import { filterChainMatcherCases, filterChainMatcherSetups } from "./filter-chain-matcher.ts";
import { grpcStatsCases, grpcStatsSetups } from "./grpc-stats.ts";
import { grpcWebCases, grpcWebSetups } from "./grpc-web.ts";
import { headerMutationCases, headerMutationSetups } from "./header-mutation.ts";
import { headerToMetadataCases, headerToMetadataSetups } from "./header-to-metadata.ts";
import { headersCases, headersSetups } from "./headers.ts";
import { healthCheckCases, healthCheckSetups } from "./health-check.ts";
import { jsonToMetadataCases, jsonToMetadataSetups } from "./json-to-metadata.ts";
import { jwtAuthnCases, jwtAuthnSetups } from "./jwt-authn.ts";
import { localRatelimitCases, localRatelimitSetups } from "./local-ratelimit.ts";
import { matchDelegateCases, matchDelegateSetups } from "./match-delegate.ts";
import { networkFiltersCases, networkFiltersSetups } from "./network-filters.ts";
import { oauth2Cases, oauth2Setups } from "./oauth2.ts";
import { originalIpCases, originalIpSetups } from "./original-ip.ts";
import { pathsCases, pathsSetups } from "./paths.ts";
import { ratelimitCases, ratelimitSetups } from "./ratelimit.ts";
import { rawBytesCases, rawBytesSetups } from "./raw-bytes.ts";
import { rbacCases, rbacSetups } from "./rbac.ts";
import { redirectsCases, redirectsSetups } from "./redirects.ts";
import { repeatedFieldsCases, repeatedFieldsSetups } from "./repeated-fields.ts";
import { retriesCases, retriesSetups } from "./retries.ts";
import { rewritesCases, rewritesSetups } from "./rewrites.ts";
import { routeMatcherCases, routeMatcherSetups } from "./route-matcher.ts";
import { routesCases, routesSetups } from "./routes.ts";
import { setFilterStateCases, setFilterStateSetups } from "./set-filter-state.ts";
import { setMetadataCases, setMetadataSetups } from "./set-metadata.ts";
import { statefulSessionCases, statefulSessionSetups } from "./stateful-session.ts";
import { upstreamsCases, upstreamsSetups } from "./upstreams.ts";
import { virtualClustersCases, virtualClustersSetups } from "./virtual-clusters.ts";
import { wireBytesCases, wireBytesSetups } from "./wire-bytes.ts";

/** The same requests by HTTP/2, where HTTP/2 can say them: it is another codec's way to the same behaviour. */
function byHttp2(cases: readonly Case[]): Case[] {
  return cases
    .filter((item) => plainRequest(item) !== null && !onlyOfHttp1.has(item.setup))
    .map((item) => ({ ...item, name: `HTTP/2: ${item.name}`, isHttp2: true }));
}

/** Setups that are about HTTP/1 itself. */
const onlyOfHttp1 = new Set([
  // Attempts of one request are counted.
  ...Object.keys(extAuthzSetups).filter((name) => name.startsWith("authzRetry")),
  "jwtTwoFields",
  "injectMissing",
  "jsonToMetadataSmall",
  "twoReferers",
  "http10",
  "shortLife",
  "twoRequests",
  "preserveCase",
  "properCase",
]);

function withPending(cases: readonly Case[]): Case[] {
  return cases.map((item) => {
    const reason = pendingCases[item.name] ?? pendingCases[item.name.replace(/^HTTP\/2: /, "")];
    return reason === undefined ? item : { ...item, allowedDifference: reason };
  });
}

const casesOfHttp1 = [
  ...basicsCases,
  ...headersCases,
  ...pathsCases,
  ...failuresCases,
  ...routesCases,
  ...credentialsCases,
  ...faultCases,
  ...jwtAuthnCases,
  ...localRatelimitCases,
  ...filterChainMatcherCases,
  ...networkFiltersCases,
  ...ratelimitCases,
  ...headerMutationCases,
  ...virtualClustersCases,
  ...answerStatsCases,
  ...rewritesCases,
  ...upstreamsCases,
  ...healthCheckCases,
  ...bufferCases,
  ...admissionControlCases,
  ...bandwidthLimitCases,
  ...compressorCases,
  ...decompressorCases,
  ...corsCases,
  ...rawBytesCases,
  ...celCases,
  ...customResponseCases,
  ...customRedirectCases,
  ...repeatedFieldsCases,
  ...oauth2Cases,
  ...csrfCases,
  ...matchDelegateCases,
  ...rbacCases,
  ...routeMatcherCases,
  ...extAuthzCases,
  ...grpcStatsCases,
  ...grpcWebCases,
  ...retriesCases,
  ...redirectsCases,
  ...headerToMetadataCases,
  ...setMetadataCases,
  ...jsonToMetadataCases,
  ...originalIpCases,
  ...setFilterStateCases,
  ...statefulSessionCases,
  ...credentialInjectorCases,
  ...wireBytesCases,
];

/** Every case of the differential test. */
export const allCases: readonly Case[] = withPending([
  ...casesOfHttp1.filter(({ onlyHttp2 }) => onlyHttp2 !== true),
  ...byHttp2(casesOfHttp1),
]);

/** Every setup, by the name that cases use. */
export const allSetups: Readonly<Record<string, Setup>> = {
  ...basicsSetups,
  ...headersSetups,
  ...pathsSetups,
  ...failuresSetups,
  ...routesSetups,
  ...credentialsSetups,
  ...faultSetups,
  ...jwtAuthnSetups,
  ...localRatelimitSetups,
  ...filterChainMatcherSetups,
  ...networkFiltersSetups,
  ...ratelimitSetups,
  ...headerMutationSetups,
  ...virtualClustersSetups,
  ...answerStatsSetups,
  ...rewritesSetups,
  ...upstreamsSetups,
  ...healthCheckSetups,
  ...bufferSetups,
  ...admissionControlSetups,
  ...bandwidthLimitSetups,
  ...compressorSetups,
  ...decompressorSetups,
  ...corsSetups,
  ...rawBytesSetups,
  ...celSetups,
  ...customResponseSetups,
  ...customResponseStateSetups,
  ...customRedirectSetups,
  ...repeatedFieldsSetups,
  ...oauth2Setups,
  ...csrfSetups,
  ...matchDelegateSetups,
  ...rbacSetups,
  ...routeMatcherSetups,
  ...extAuthzSetups,
  ...grpcStatsSetups,
  ...grpcWebSetups,
  ...retriesSetups,
  ...redirectsSetups,
  ...headerToMetadataSetups,
  ...setMetadataSetups,
  ...jsonToMetadataSetups,
  ...originalIpSetups,
  ...setFilterStateSetups,
  ...statefulSessionSetups,
  ...credentialInjectorSetups,
  ...wireBytesSetups,
};
