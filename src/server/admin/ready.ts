import { type Endpoint, text } from "./endpoint.ts";

export const ready: Endpoint = {
  path: "/ready",
  help: "print server state, return 200 if LIVE, otherwise return 503",
  mutates: false,
  params: [],
  handle(_request, state) {
    const serverState = state.serverState();
    return text(`${serverState}\n`, serverState === "LIVE" ? 200 : 503);
  },
};
