import { hotRestartVersion as version } from "../version.ts";
import { type Endpoint, text } from "./endpoint.ts";

export const hotRestartVersion: Endpoint = {
  path: "/hot_restart_version",
  help: "print the hot restart compatibility version",
  mutates: false,
  params: [],
  handle: () => text(version),
};

export const contention: Endpoint = {
  path: "/contention",
  help: "dump current Envoy mutex contention stats (if enabled)",
  mutates: false,
  params: [],
  handle: () => text("Mutex contention tracing is not enabled. To enable, run Envoy with flag --enable-mutex-tracing."),
};
