import { checkbox, type Endpoint, text } from "./endpoint.ts";
import type { AdminState } from "./state.ts";

export const healthcheckFail = order("/healthcheck/fail", "cause the server to fail health checks", (state) => {
  state.setHealthFailed(true);
});

export const healthcheckOk = order("/healthcheck/ok", "cause the server to pass health checks", (state) => {
  state.setHealthFailed(false);
});

export const reopenLogs = order("/reopen_logs", "reopen access logs", (state) => {
  state.reopenLogs();
});

export const quitquitquit = order("/quitquitquit", "exit the server", (state) => {
  // The answer leaves first.
  setImmediate(() => state.quit());
});

export const drainListeners: Endpoint = {
  path: "/drain_listeners",
  help: "drain listeners",
  mutates: true,
  params: [
    checkbox(
      "graceful",
      "When draining listeners, enter a graceful drain period prior to closing listeners. This behaviour and duration is configurable via server options or CLI",
    ),
    checkbox(
      "skip_exit",
      "When draining listeners, drain the connections but never stop the listeners. The graceful parameter has no effect when this is set, since the drain period only delays stopping the listeners",
    ),
    checkbox(
      "inboundonly",
      "Drains all inbound listeners. traffic_direction field in envoy_v3_api_msg_config.listener.v3.Listener is used to determine whether a listener is inbound or outbound.",
    ),
  ],
  handle({ query }, state) {
    state.drainListeners(query.has("graceful"), query.has("skip_exit"), query.has("inboundonly"));
    return text("OK\n");
  },
};

function order(path: string, help: string, act: (state: AdminState) => void): Endpoint {
  return {
    path,
    help,
    mutates: true,
    params: [],
    handle(_request, state) {
      act(state);
      return text("OK\n");
    },
  };
}
