import { addressText } from "../../net/address.ts";
import { addressJson } from "./clusters.ts";
import { type Endpoint, json, select, text } from "./endpoint.ts";

export const listeners: Endpoint = {
  path: "/listeners",
  help: "print listener info",
  mutates: false,
  params: [select("format", "File format to use", ["text", "json"])],
  handle({ query }, state) {
    const list = state.listeners();
    if (query.get("format") !== "json") {
      const lines = list.flatMap(({ name, addresses }) =>
        addresses.map((address) => `${name}::${addressText(address)}\n`),
      );
      return text(lines.join(""));
    }
    if (list.length === 0) return json({});
    return json({
      listener_statuses: list.map(({ name, addresses: [first, ...more] }) => ({
        name,
        local_address: addressJson(first),
        ...(more.length === 0 ? {} : { additional_local_addresses: more.map(addressJson) }),
      })),
    });
  },
};
