import { type Endpoint, json, text } from "./endpoint.ts";

export const runtime: Endpoint = {
  path: "/runtime",
  help: "print runtime values",
  mutates: false,
  params: [],
  handle(_request, state) {
    const entries: Record<string, unknown> = {};
    for (const { key, final, layers } of state.runtime.texts())
      entries[key] = { final_value: final, layer_values: layers };
    return json({ layers: state.runtime.names, entries });
  },
};

export const runtimeModify: Endpoint = {
  path: "/runtime_modify",
  help: "Adds or modifies runtime values as passed in query parameters. To delete a previously added key, use an empty string as the value. Note that deletion only applies to overrides added via this endpoint; values loaded from disk can be modified via override but not deleted. E.g. ?key1=value1&key2=value2...",
  mutates: true,
  params: [],
  handle({ query }, state) {
    if (query.size === 0) return text(usage, 400);
    const fault = state.runtime.modify(query);
    return fault === "" ? text("OK\n") : text(fault, 503);
  },
};

const usage = `usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN
       or send the parameters as form values
use an empty value to remove a previously added override`;
