import { createHash } from "node:crypto";
import type { Wait, Waiting } from "../../config/dynamic/waiting.ts";
import { type Endpoint, json, textField } from "./endpoint.ts";

/** envoy.admin.v3.UnreadyTargetsDumps: listeners that wait; as the process starts, all. */
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
  handle({ query }, state) {
    const mask = query.get("mask") ?? "";
    const listeners = mask === "" || mask === "listener" ? state.waiting().listeners : [];
    return json(listeners.length === 0 ? {} : { unready_targets_dumps: listeners.map(unreadyTargets) });
  },
};

function unreadyTargets({ name, since, for: waits }: Waiting): object {
  return {
    name: `init manager Listener-local-init-manager ${name} ${hash(`${name} ${since.getTime()}`)}`,
    ...(waits.length === 0 ? {} : { target_names: waits.map(targetName) }),
  };
}

/** As Envoy calls what a listener waits for. */
function targetName({ kind, name }: Wait): string {
  switch (kind) {
    case "routes":
      return `shared target RdsRouteConfigSubscription RDS init ${name}`;
    case "scopes":
      return "target ConfigSubscriptionCommonBase init target 'SRDS'";
    case "filter":
      return `shared target FilterConfigSubscription init ${name}`;
    case "secret":
      return `shared target SdsApi ${name}`;
    case "endpoints":
    case "names":
      return `target Cluster ${name}`;
  }
}

/** A number that is another one for another version, as Envoy's hash of the listener is. */
function hash(text: string): bigint {
  return createHash("sha256").update(text).digest().readBigUInt64BE();
}
