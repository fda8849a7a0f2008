import { type Endpoint, json, text } from "./endpoint.ts";

export const runtime: Endpoint = {
  path: "/runtime",
  help: "print runtime values",
  mutates: false,
  params: [],
  handle(_request, state) {
    const { layers } = state.runtime;
    const entries: Record<string, unknown> = {};
    for (const key of state.runtime.keys()) {
      entries[key] = {
        final_value: state.runtime.finalValue(key) ?? "",
        layer_values: layers.map((layer) => layer.values.get(key) ?? ""),
      };
    }
    return json({ layers: layers.map((layer) => layer.name), entries });
  },
};

export const runtimeModify: Endpoint = {
  path: "/runtime_modify",
  help: "Adds or modifies runtime values as passed in query parameters. To delete a previously added key, use an empty string as the value. Note that deletion only applies to overrides added via this endpoint; values loaded from disk can be modified via override but not deleted. E.g. ?key1=value1&key2=value2...",
  mutates: true,
  params: [],
  handle({ query }, state) {
    if (query.size === 0) return text(usage, 400);
    return state.runtime.modify(query) ? text("OK\n") : text("No admin layer specified", 503);
  },
};

const usage = `usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN
       or send the parameters as form values
use an empty value to remove a previously added override`;
