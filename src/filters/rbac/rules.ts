import { CidrSet } from "../../net/cidr.ts";
import { alternativeNames, rfc2253 } from "../../net/tls/alternative-names.ts";
import { portOf, withoutPort } from "../../observability/format-values.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import { HeaderMatcher, StringMatcher } from "../../router/matchers.ts";
import { regexOf } from "../../router/path-regex.ts";
import { FilterStateCondition, MetadataCondition } from "../../router/stream-conditions.ts";
import type { RuleSpec } from "./spec.ts";

/** A Permission or a Principal, live. */
export type Rule = (info: StreamInfo) => boolean;

/** Cannot fail on what parse gave. Envoy: Filters::Common::RBAC::Matcher. */
export function linkRule(spec: RuleSpec): Rule {
  switch (spec.kind) {
    case "any":
      return () => true;
    case "and": {
      const rules = spec.rules.map(linkRule);
      return (info) => rules.every((rule) => rule(info));
    }
    case "or": {
      const rules = spec.rules.map(linkRule);
      return (info) => rules.some((rule) => rule(info));
    }
    case "not": {
      const rule = linkRule(spec.rule);
      return (info) => !rule(info);
    }
    case "header": {
      const matcher = new HeaderMatcher(spec.header);
      return ({ request }) => matcher.matches(request);
    }
    case "path": {
      const matcher = new StringMatcher(spec.string);
      return ({ request }) => request.path !== "" && matcher.matches(withoutQuery(request.path));
    }
    case "template": {
      const regex = regexOf({ kind: "template", value: spec.template });
      return ({ request }) => regex?.matches(withoutQuery(request.path)) ?? false;
    }
    case "server_name": {
      const matcher = new StringMatcher(spec.string);
      return ({ requestedServerName }) => matcher.matches(requestedServerName);
    }
    case "destination_ip":
      return inRange(spec.range, (info) => info.downstreamLocalAddress);
    case "source_ip":
      return inRange(spec.range, (info) => info.downstreamConnectionAddress);
    case "direct_remote_ip":
      return inRange(spec.range, (info) => info.downstreamDirectRemoteAddress);
    case "remote_ip":
      return inRange(spec.range, (info) => info.downstreamRemoteAddress);
    case "destination_port": {
      const { start, end } = spec;
      return ({ downstreamLocalAddress }) => {
        const port = portOf(downstreamLocalAddress);
        return port !== null && port >= start && port < end;
      };
    }
    case "metadata": {
      const condition = new MetadataCondition(spec.matcher, spec.isOfRoute);
      return (info) => condition.matches(info);
    }
    case "filter_state": {
      const condition = new FilterStateCondition(spec.matcher);
      return (info) => condition.matches(info);
    }
    case "authenticated":
      return authenticated(spec.name === null ? null : new StringMatcher(spec.name));
    case "mtls_authenticated": {
      const { san } = spec;
      const matcher = san === null ? null : new StringMatcher(san.name);
      return ({ downstreamTls }) => {
        const peer = downstreamTls?.isPeerValidated ? downstreamTls.peer : undefined;
        if (peer === undefined) return false;
        if (matcher === null) return true;
        return alternativeNames(peer).some(({ type, value }) => type === san?.type && matcher.matches(value));
      };
    }
  }
}

/** The URI names, then the DNS names, then the subject, whichever the certificate has. Envoy: AuthenticatedMatcher. */
function authenticated(matcher: StringMatcher | null): Rule {
  return ({ downstreamTls }) => {
    if (downstreamTls === null) return false;
    if (matcher === null) return true;
    const peer = downstreamTls.peer;
    if (peer === undefined) return matcher.matches("");
    const names = alternativeNames(peer);
    for (const wanted of ["URI", "DNS"]) {
      const ofType = names.filter(({ type }) => type === wanted);
      if (ofType.length > 0) return ofType.some(({ value }) => matcher.matches(value));
    }
    return matcher.matches(rfc2253(peer.subject));
  };
}

function inRange(range: { address: string; prefixLength: number }, address: (info: StreamInfo) => string): Rule {
  const set = new CidrSet([range]);
  return (info) => set.has(withoutPort(address(info)));
}

function withoutQuery(path: string): string {
  const end = path.search(/[?#]/);
  return end < 0 ? path : path.slice(0, end);
}
