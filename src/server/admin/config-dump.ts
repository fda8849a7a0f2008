import { type AdminReply, checkbox, type Endpoint, json, textField } from "./endpoint.ts";
import { applyMask, maskText, parseMask } from "./field-mask.ts";
import { compileFilter } from "./filter-regex.ts";
import type {
  ConfigSnapshot,
  DumpedDynamic,
  DumpedRefusal,
  DumpedResource,
  DumpedScopedRoutes,
  DumpedVersion,
} from "./state.ts";

type Json = Record<string, unknown>;

export const configDump: Endpoint = {
  path: "/config_dump",
  help: "dump current Envoy configs",
  mutates: false,
  params: [
    textField("resource", "The resource to dump"),
    textField(
      "mask",
      "The mask to apply. When both resource and mask are specified, the mask is applied to every element in the desired repeated field so that only a subset of fields are returned. The mask is parsed as a Protobuf::FieldMask",
    ),
    textField(
      "name_regex",
      "Dump only the currently loaded configurations whose names match the specified regex. Can be used with both resource and mask query parameters.",
    ),
    checkbox(
      "include_eds",
      "Dump currently loaded configuration including EDS. See the response definition for more information",
    ),
  ],
  handle({ query }, state) {
    const pattern = query.get("name_regex") ?? "";
    let accepts: (name: string) => boolean = () => true;
    if (pattern !== "") {
      const filter = compileFilter(pattern, true);
      if (filter.error !== null) {
        return refuse(400, `INVALID_ARGUMENT: Error while parsing name_regex from ${pattern}: ${filter.error}`);
      }
      accepts = filter.matches;
    }
    const dumps = snapshotDumps(state.configDump(query.has("include_eds")), accepts);
    const resource = query.get("resource") ?? "";
    const mask = query.get("mask") ?? "";
    return resource === "" ? allDumps(dumps, mask) : oneResource(dumps, resource, mask);
  },
};

/** One message of the dump: its type, and its fields in the order and with the kinds of envoy.admin.v3. */
interface Dump {
  type: string;
  fields: { name: string; elementType: string; value: Json[] | Json | string | null }[];
}

function snapshotDumps(snapshot: ConfigSnapshot, accepts: (name: string) => boolean): Dump[] {
  const list = (name: string, elementType: string, key: string, from: readonly DumpedResource[]) => ({
    name,
    elementType,
    value: from
      .filter((resource) => accepts(resource.name))
      .map((resource): Json => ({ [key]: resource.json, last_updated: resource.updatedAt.toISOString() })),
  });
  const sds = (name: string, isWarming: boolean) => ({
    name,
    elementType: "DynamicSecret",
    value: snapshot.sdsSecrets
      .filter((secret) => secret.isWarming === isWarming && accepts(secret.name))
      .map(
        (secret): Json => ({
          name: secret.name,
          ...(secret.versionInfo === "" ? {} : { version_info: secret.versionInfo }),
          last_updated: secret.updatedAt.toISOString(),
          secret: secret.json,
          ...errorOf(secret.refusal),
        }),
      ),
  });
  const only = (list: readonly DumpedDynamic[]) => list.filter((resource) => accepts(resource.name));
  const from = {
    clusters: only(snapshot.dynamic.clusters),
    listeners: only(snapshot.dynamic.listeners),
    routes: only(snapshot.dynamic.routes),
    endpoints: only(snapshot.dynamic.endpoints),
  };
  const dynamic = (
    name: string,
    elementType: string,
    key: string,
    list: readonly DumpedDynamic[],
    isWarming: boolean,
  ) => ({
    name,
    elementType,
    value: list.flatMap((resource): Json[] => {
      if (resource.isWarming !== isWarming) {
        return !isWarming && resource.before !== null ? [stateOf(resource.before, key)] : [];
      }
      return [{ ...(resource.isNative ? stateOf(resource, key) : {}), ...errorOf(resource.refusal) }];
    }),
  });
  const scoped = (name: string, elementType: string, list: readonly DumpedScopedRoutes[]) => ({
    name,
    elementType,
    value: list
      .filter((one) => accepts(one.name))
      .map(
        (one): Json => ({
          name: one.name,
          ...(one.versionInfo === "" ? {} : { version_info: one.versionInfo }),
          ...(one.scopes.length === 0 ? {} : { scoped_route_configs: one.scopes }),
          last_updated: one.updatedAt.toISOString(),
        }),
      ),
  });
  const scalar = (name: string, value: Json | string) => ({ name, elementType: "", value });
  const dumps: Dump[] = [
    {
      type: "BootstrapConfigDump",
      fields: [scalar("bootstrap", snapshot.bootstrap), scalar("last_updated", snapshot.bootstrapAt.toISOString())],
    },
    {
      type: "ClustersConfigDump",
      fields: [
        list("static_clusters", "StaticCluster", "cluster", snapshot.clusters),
        dynamic("dynamic_active_clusters", "DynamicCluster", "cluster", from.clusters, false),
        dynamic("dynamic_warming_clusters", "DynamicCluster", "cluster", from.clusters, true),
      ],
    },
    {
      type: "ListenersConfigDump",
      fields: [
        list("static_listeners", "StaticListener", "listener", snapshot.listeners),
        { name: "dynamic_listeners", elementType: "DynamicListener", value: from.listeners.map(dynamicListener) },
      ],
    },
    {
      type: "ScopedRoutesConfigDump",
      fields: [
        scoped("inline_scoped_route_configs", "InlineScopedRouteConfigs", snapshot.scopedRoutes),
        scoped("dynamic_scoped_route_configs", "DynamicScopedRouteConfigs", snapshot.dynamic.scopedRoutes),
      ],
    },
    {
      type: "RoutesConfigDump",
      fields: [
        list("static_route_configs", "StaticRouteConfig", "route_config", snapshot.routes),
        dynamic("dynamic_route_configs", "DynamicRouteConfig", "route_config", from.routes, false),
      ],
    },
    {
      type: "SecretsConfigDump",
      fields: [
        {
          name: "static_secrets",
          elementType: "StaticSecret",
          value: snapshot.secrets
            .filter((resource) => accepts(resource.name))
            .map(
              (resource): Json => ({
                name: resource.name,
                last_updated: resource.updatedAt.toISOString(),
                secret: resource.json,
              }),
            ),
        },
        sds("dynamic_active_secrets", false),
        sds("dynamic_warming_secrets", true),
      ],
    },
  ];
  if (snapshot.endpoints !== null) {
    dumps.splice(2, 0, {
      type: "EndpointsConfigDump",
      fields: [
        {
          name: "static_endpoint_configs",
          elementType: "StaticEndpointConfig",
          value: snapshot.endpoints.map((endpoint): Json => ({ endpoint_config: endpoint })),
        },
        dynamic("dynamic_endpoint_configs", "DynamicEndpointConfig", "endpoint_config", from.endpoints, false),
      ],
    });
  }
  if (snapshot.dynamic.filters !== null) {
    const filters = only(snapshot.dynamic.filters);
    const field = dynamic("ecds_filters", "EcdsFilterConfig", "ecds_filter", filters, false);
    dumps.splice(2, 0, { type: "EcdsConfigDump", fields: [field] });
  }
  return dumps;
}

/** envoy.admin.v3.ListenersConfigDump.DynamicListener. */
function dynamicListener(resource: DumpedDynamic): Json {
  const { name, isWarming, isNative, before, refusal } = resource;
  const active = isWarming ? before : isNative ? resource : null;
  return {
    name,
    ...(active === null ? {} : { active_state: stateOf(active, "listener") }),
    ...(isWarming ? { warming_state: stateOf(resource, "listener") } : {}),
    ...errorOf(refusal),
  };
}

function stateOf({ versionInfo, json, updatedAt }: DumpedVersion, key: string): Json {
  return {
    ...(versionInfo === "" ? {} : { version_info: versionInfo }),
    [key]: json,
    last_updated: updatedAt.toISOString(),
  };
}

/** envoy.admin.v3.UpdateFailureState. */
function errorOf(refusal: DumpedRefusal | null): Json {
  if (refusal === null) return {};
  const { version, details, at, json } = refusal;
  return {
    error_state: {
      ...(json === null ? {} : { failed_configuration: json }),
      last_update_attempt: at.toISOString(),
      details,
      ...(version === "" ? {} : { version_info: version }),
    },
  };
}

function allDumps(dumps: readonly Dump[], mask: string): AdminReply {
  const paths = parseMask(mask);
  const configs: Json[] = [];
  for (const dump of dumps) {
    const message = messageOf(dump);
    if (paths.length === 0) {
      configs.push({ "@type": typeUrl(dump.type), ...message });
      continue;
    }
    // A mask is for the dump that has its fields; the others are left out.
    if (!paths.every((path) => dump.fields.some((field) => field.name === path[0]))) continue;
    configs.push({ "@type": typeUrl(dump.type), ...applyMask(message, paths) });
  }
  if (configs.length === 0 && paths.length > 0) {
    return refuse(400, `FieldMask ${mask} could not be successfully applied to any configs.`);
  }
  return json({ configs });
}

function oneResource(dumps: readonly Dump[], resource: string, mask: string): AdminReply {
  for (const dump of dumps) {
    const field = dump.fields.find((candidate) => candidate.name === resource);
    if (field === undefined) continue;
    if (!Array.isArray(field.value)) {
      return refuse(400, `${resource} is not a repeated field. Use ?mask=${resource} to get only this field`);
    }
    const paths = parseMask(mask);
    const known = elementFields[field.elementType];
    if (paths.some((path) => !known.includes(path[0]))) {
      return refuse(400, `FieldMask ${maskText(mask)} could not be successfully used.`);
    }
    if (field.value.length === 0) return json({});
    const type = typeUrl(`${dump.type}.${field.elementType}`);
    return json({ configs: field.value.map((element) => ({ "@type": type, ...applyMask(element, paths) })) });
  }
  return refuse(404, `${resource} not found in config dump`);
}

function messageOf(dump: Dump): Json {
  const message: Json = {};
  for (const { name, value } of dump.fields) {
    if (value !== null && !(Array.isArray(value) && value.length === 0)) message[name] = value;
  }
  return message;
}

/** Unlike all other endpoints this one says no charset when it refuses. */
function refuse(status: number, body: string): AdminReply {
  return { status, contentType: "text/plain", body };
}

function typeUrl(name: string): string {
  return `type.googleapis.com/envoy.admin.v3.${name}`;
}

/** The fields that a mask may name in each kind of element (envoy/admin/v3/config_dump_shared.proto). */
const elementFields: Record<string, readonly string[]> = {
  StaticCluster: ["cluster", "last_updated"],
  DynamicCluster: ["version_info", "cluster", "last_updated", "error_state", "client_status"],
  StaticListener: ["listener", "last_updated"],
  DynamicListener: ["name", "active_state", "warming_state", "draining_state", "error_state", "client_status"],
  InlineScopedRouteConfigs: ["name", "scoped_route_configs", "last_updated"],
  DynamicScopedRouteConfigs: [
    "name",
    "version_info",
    "scoped_route_configs",
    "last_updated",
    "error_state",
    "client_status",
  ],
  StaticRouteConfig: ["route_config", "last_updated"],
  DynamicRouteConfig: ["version_info", "route_config", "last_updated", "error_state", "client_status"],
  StaticSecret: ["name", "last_updated", "secret"],
  DynamicSecret: ["name", "version_info", "last_updated", "secret", "error_state", "client_status"],
  EcdsFilterConfig: ["version_info", "ecds_filter", "last_updated", "error_state", "client_status"],
  StaticEndpointConfig: ["endpoint_config", "last_updated"],
  DynamicEndpointConfig: ["version_info", "endpoint_config", "last_updated", "error_state", "client_status"],
};
