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
      return text(list.map(({ name, address }) => `${name}::${addressText(address)}\n`).join(""));
    }
    if (list.length === 0) return json({});
    return json({
      listener_statuses: list.map(({ name, address }) => ({ name, local_address: addressJson(address) })),
    });
  },
};
