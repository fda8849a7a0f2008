import { tagRegex } from "./tag-regex.ts";

/** A stat's name with its tags cut out, and what was cut: `cluster.c1.upstream_rq_2xx` is `cluster.upstream_rq_xx`. */
export interface TaggedName {
  name: string;
  tags: [name: string, value: string][];
}

/** One entry of stats_config.stats_tags, or of --stats-tag as a fixed value. */
export interface TagSpec {
  name: string;
  /** Group 1 is cut out of the name; the tag's value is group 2 if there is one. "" takes Envoy's rule of that name. */
  regex: string;
  /** Put on every stat; null for a regex. */
  fixedValue: string | null;
}

/** Start and end of groups 0 to 2 in pairs, -1 for none. */
interface GroupFinder {
  find(text: string): number[] | null;
}

/** Cuts tags out of stat names. Results are kept, as names repeat at each scrape. */
export class TagExtractor {
  readonly #rules: Rule[] = [];
  readonly #fixed: [string, string][] = [];
  readonly #cache = new Map<string, TaggedName>();

  /** Regexes are such as the parser has found sound. */
  constructor(specs: readonly TagSpec[] = [], useAllDefaultTags = true) {
    if (useAllDefaultTags) this.#rules.push(...defaultRules);
    for (const spec of specs) {
      if (spec.fixedValue !== null) this.#fixed.push([spec.name, spec.fixedValue]);
      else if (spec.regex !== "")
        this.#rules.push({ tag: spec.name, finder: finderOf(tagRegex(spec.regex, "d")), contains: "", not: "" });
      else if (!useAllDefaultTags) this.#rules.push(...defaultRules.filter((rule) => rule.tag === spec.name));
    }
  }

  extract(stat: string): TaggedName {
    const known = this.#cache.get(stat);
    if (known !== undefined) return known;
    const result = this.#extract(stat);
    if (this.#cache.size >= maxCached) this.#cache.clear();
    this.#cache.set(stat, result);
    return result;
  }

  #extract(stat: string): TaggedName {
    const tags: [string, string][] = [];
    const cuts: [number, number][] = [];
    for (const rule of this.#rules) {
      if (rule.contains !== "" && !stat.includes(rule.contains)) continue;
      if (tags.some(([name]) => name === rule.tag)) continue;
      const found = rule.finder.find(stat);
      if (found === null || (found[2] as number) < 0) continue;
      const hasValue = (found[4] ?? -1) >= 0;
      const value = stat.slice(found[hasValue ? 4 : 2], found[hasValue ? 5 : 3]);
      if (rule.not !== "" && value === rule.not) continue;
      tags.push([rule.tag, value]);
      cuts.push([found[2] as number, found[3] as number]);
    }
    tags.push(...this.#fixed);
    cuts.sort((a, b) => a[0] - b[0]);
    let name = "";
    let at = 0;
    for (const [start, end] of cuts) {
      if (start > at) name += stat.slice(at, start);
      at = Math.max(at, end);
    }
    return { name: name + stat.slice(at), tags };
  }
}

interface Rule {
  tag: string;
  finder: GroupFinder;
  /** A part that every matching name has, so that most names cost no regex. */
  contains: string;
  /** A value that is no tag. */
  not: string;
}

function finderOf(compiled: RegExp): GroupFinder {
  return {
    find: (text) => {
      const indices = compiled.exec(text)?.indices;
      return indices === undefined ? null : indices.flatMap((pair) => pair ?? [-1, -1]);
    },
  };
}

/** Envoy's token patterns: `*` is one token, `$` the token to cut out with its dot, `**` the rest. */
function tokens(pattern: string): string {
  const parts = pattern.split(".").map((token) => {
    if (token === "$") return `((${token_})\\.)`;
    if (token === "*") return `${token_}\\.`;
    if (token === "**") return ".+";
    return `${token}\\.`;
  });
  return `^${parts.join("")}`;
}

function rule(tag: string, regex: string, contains = "", not = ""): Rule {
  return { tag: `envoy.${tag}`, finder: finderOf(new RegExp(regex, "d")), contains, not };
}

function tokenRule(tag: string, pattern: string): Rule {
  const contains = pattern.split(".").find((token) => /^\w/.test(token)) ?? "";
  return rule(tag, tokens(pattern), contains);
}

const maxCached = 500_000;
const token_ = "[^.]+";
const address = "(?:(?:\\d{1,3}(?:\\.\\d{1,3}){3}|\\[[a-fA-F_\\d]+\\])_\\d+)";

/** Envoy's default rules (TagNameValues, 1.40), in its order, which is that of the labels. */
const defaultRules: Rule[] = [
  rule("response_code", "_rq(_(\\d{3}))$", "_rq_"),
  rule("response_code_class", "_rq_((\\d))xx$", "_rq_"),
  tokenRule("grpc_bridge_method", "cluster.*.grpc.*.$.**"),
  tokenRule("http_user_agent", "http.*.user_agent.$.**"),
  tokenRule("virtual_cluster", "vhost.*.vcluster.$.**"),
  tokenRule("fault_downstream_cluster", "http.*.fault.$.**"),
  rule("ssl_cipher", "^listener\\..*?\\.ssl\\.ciphers(\\.([\\w-]+))$", ".ssl.ciphers."),
  rule("ssl_curve", "^(?:listener|cluster)\\..*?\\.ssl\\.curves(\\.([\\w-]+))$", ".ssl.curves."),
  rule("ssl_sigalg", "^(?:listener|cluster)\\..*?\\.ssl\\.sigalgs(\\.([\\w-]+))$", ".ssl.sigalgs."),
  rule("ssl_version", "^(?:listener|cluster)\\..*?\\.ssl\\.versions(\\.(TLSv\\d\\.\\d))$", ".ssl.versions."),
  rule("tls_certificate", "^(?:listener|cluster)\\..*?\\.ssl\\.certificate\\.(([^.]+)\\.).*$", ".ssl.certificate."),
  rule("ssl_cipher_suite", "^cluster\\.[^.]+\\.ssl\\.ciphers(\\.([\\w-]+))$", ".ssl.ciphers."),
  tokenRule("grpc_bridge_service", "cluster.*.grpc.$.**"),
  tokenRule("tcp_prefix", "tcp.$.**"),
  tokenRule("udp_prefix", "udp.$.**"),
  tokenRule("clientssl_prefix", "auth.clientssl.$.**"),
  tokenRule("ratelimit_prefix", "ratelimit.$.**"),
  tokenRule("cluster_name", "cluster.$.**"),
  rule("http_conn_manager_prefix", "^listener\\..*?\\.http\\.(([^.]+)\\.)", ".http."),
  tokenRule("ext_authz_prefix", "cluster.*.ext_authz.$.**"),
  tokenRule("ext_authz_prefix", "http.*.ext_authz.$.**"),
  tokenRule("http_conn_manager_prefix", "http.$.**"),
  rule(
    "worker_id",
    `^(?:listener\\.(?:${address}|[^.]+)|server|listener_manager|thread_local_cluster_manager)\\.worker_((\\d+)\\.)`,
    "worker_",
  ),
  rule("listener_address", `^listener\\.((${address}|[^.]+)\\.)`, "listener.", "admin"),
  tokenRule("virtual_host", "vhost.$.**"),
  rule("rds_route_config", "^http\\.[^.]+\\.rds\\.(([\\w\\-.]+)\\.)\\w+?$", ".rds."),
  rule("scoped_rds_config", "^http\\.[^.]+\\.scoped_rds\\.(([\\w\\-.]+)\\.)\\w+?$", ".scoped_rds."),
  tokenRule("route", "vhost.*.route.$.**"),
  tokenRule("redis_prefix", "redis.$.**"),
  tokenRule("local_http_ratelimit_prefix", "$.http_local_rate_limit.**"),
  tokenRule("local_network_ratelimit_prefix", "local_rate_limit.$.**"),
  tokenRule("local_listener_ratelimit_prefix", "listener_local_ratelimit.$.**"),
  tokenRule("dns_filter_prefix", "dns_filter.$.**"),
  tokenRule("connection_limit_prefix", "connection_limit.$.**"),
  rule("rbac_http_prefix", "^http\\.[^.]+\\.rbac\\.(([^.]+)\\.).*?", ".rbac."),
  rule("proxy_protocol_version", "^proxy_proto\\.((?:[^.]+\\.)?versions\\.v(\\d)\\.)\\w+$", "proxy_proto."),
  rule("xds_resource_name", "^sds\\.(([^.]+)\\.).+", "sds."),
];
