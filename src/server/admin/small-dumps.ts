import { hotRestartVersion as version } from "../version.ts";
import { type Endpoint, json, text, textField } from "./endpoint.ts";

export const initDump: Endpoint = {
  path: "/init_dump",
  help: "dump current Envoy init manager information (experimental)",
  mutates: false,
  params: [
    textField(
      "mask",
      "The desired component to dump unready targets. The mask is parsed as a Protobuf::FieldMask. For example, get the unready targets of all listeners with /init_dump?mask=listener`",
    ),
  ],
  handle: () => json({}),
};

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
