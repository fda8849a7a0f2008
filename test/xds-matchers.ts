/** JSON as a bootstrap is written in. */
type Json = { [key: string]: unknown };

// Parts of an xds.type.matcher.v3.Matcher. Types are full names of messages.

/** A config of an extension, with its type. */
export const typed = (type: string, config: Json = {}): Json => ({ "@type": `type.googleapis.com/${type}`, ...config });

export const input = (type: string, config: Json = {}): Json => ({ name: "input", typed_config: typed(type, config) });

export const requestHeader = (header_name: string): Json =>
  input("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", { header_name });

export const networkInput = (kind: string, config: Json = {}): Json =>
  input(`envoy.extensions.matching.common_inputs.network.v3.${kind}`, config);

/** Predicates. */
export const valueIs = (of: Json, value_match: Json): Json => ({ single_predicate: { input: of, value_match } });

export const customIs = (of: Json, type: string, config: Json): Json => ({
  single_predicate: { input: of, custom_match: { name: "matcher", typed_config: typed(type, config) } },
});

/** What is done where one matches. */
export const act = (type: string, config: Json = {}): Json => ({
  action: { name: "action", typed_config: typed(type, config) },
});

export const list = (...matchers: [predicate: Json, onMatch: Json][]): Json => ({
  matcher_list: { matchers: matchers.map(([predicate, on_match]) => ({ predicate, on_match })) },
});

/** A tree that looks its input up. */
export const tree = (of: Json, kind: "exact" | "prefix", map: { [key: string]: Json }): Json => ({
  matcher_tree: { input: of, [`${kind}_match_map`]: { map } },
});

export const customTree = (of: Json, type: string, config: Json): Json => ({
  matcher_tree: { input: of, custom_match: { name: "tree", typed_config: typed(type, config) } },
});
