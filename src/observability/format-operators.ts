import { percentDecode } from "../http/percent-decode.ts";
import { decodedParam, queryOf } from "../http/query.ts";
import { celOperator } from "./cel/operator.ts";
import { jsonNames } from "./filter-state.ts";
import {
  addressFields,
  emptyFields,
  emptyFieldsWithArgs,
  numberFields,
  oneWord,
  textFields,
  timePoints,
} from "./format-fields.ts";
import { TimeFormat } from "./format-time.ts";
import { tlsTimes } from "./format-tls.ts";
import {
  grpcStatus,
  grpcStatusText,
  maskedAddress,
  metadataAt,
  metadataNumber,
  portOf,
  sortedJson,
  toWire,
  withoutPort,
} from "./format-values.ts";
import type { StreamInfo } from "./stream-info.ts";

/** One `%OPERATOR(args):N%`, ready to run. Text is as header values are: one character a byte. */
export interface Operator {
  /** null: no value. */
  text(info: StreamInfo): string | null;
  /** Its value in a JSON log where it stands alone, if that is no string: a number or an object. */
  value: ((info: StreamInfo) => unknown) | null;
}

/** Makes an operator, or says in Envoy's words why it is refused. `args` null: no parentheses. `enabled`: names of `formatters`. */
export function makeOperator(
  name: string,
  args: string | null,
  maxLength: number | null,
  enabled: ReadonlySet<string>,
): Operator | string {
  const number = numberFields[name];
  const text = textFields[name];
  if (
    number !== undefined ||
    text !== undefined ||
    emptyFields.has(name) ||
    isBareAddress(name) ||
    name === "DOWNSTREAM_HANDSHAKE_DURATION"
  ) {
    if ((args !== null && args !== "") || maxLength !== null) return `${name} does not take any parameters or length`;
  }
  if (number !== undefined) return numberOperator(number);
  if (text !== undefined) return { text, value: null };
  if (emptyFields.has(name)) return nothing;
  if (emptyFieldsWithArgs.has(name)) return nothing;
  const moment = tlsTimes[name];
  if (moment !== undefined) return timeOperator(args ?? "", "%Y-%m-%dT%H:%M:%S.000Z", false, moment);
  const address = addressOperator(name, args);
  if (address !== null) return address;
  const make = makers[name];
  if (make === undefined || (name === "REQ_WITHOUT_QUERY" && !enabled.has(name))) {
    return `Not supported field in StreamInfo: ${name}`;
  }
  if (needsArgs.has(name) && !args) return `${name} requires parameters`;
  const made = make(args ?? "", name, enabled);
  if (typeof made === "string" || maxLength === null) return made;
  if (name.startsWith("START_TIME") || name.startsWith("EMIT_TIME"))
    return `${name} does not allow length to be specified.`;
  return shortened(made, maxLength);
}

type Maker = (args: string, name: string, enabled: ReadonlySet<string>) => Operator | string;

const makers: Record<string, Maker> = {
  DOWNSTREAM_HANDSHAKE_DURATION: () => signedOperator(handshakeDuration),
  REQ: headerMaker((info, field) => info.request.find(field)),
  REQUEST_HEADER: headerMaker((info, field) => info.request.find(field)),
  STREAM_INFO_REQ: headerMaker((info, field) => info.request.find(field)),
  RESP: headerMaker((info, field) => info.response?.find(field) ?? null),
  RESPONSE_HEADER: headerMaker((info, field) => info.response?.find(field) ?? null),
  TRAILER: headerMaker((info, field) => info.responseTrailers?.find(field) ?? null),
  RESPONSE_TRAILER: headerMaker((info, field) => info.responseTrailers?.find(field) ?? null),
  REQ_WITHOUT_QUERY: headerMaker((info, field) => info.request.find(field)?.split("?", 1)[0] ?? null),
  START_TIME: (args) => timeOperator(args, "%Y-%m-%dT%H:%M:%S.%3fZ", false, (info) => info.startTimeMs),
  START_TIME_LOCAL: (args) => timeOperator(args, "%Y-%m-%dT%H:%M:%S.%3f%z", true, (info) => info.startTimeMs),
  EMIT_TIME: (args) => timeOperator(args, "%Y-%m-%dT%H:%M:%S.%3fZ", false, () => Date.now()),
  EMIT_TIME_LOCAL: (args) => timeOperator(args, "%Y-%m-%dT%H:%M:%S.%3f%z", true, () => Date.now()),
  COMMON_DURATION: commonDuration,
  RESPONSE_CODE_DETAILS: (args) => {
    if (args === "ALLOW_WHITESPACES") return textOperator((info) => info.details || null);
    return textOperator((info) => oneWord(info.details));
  },
  GRPC_STATUS: (args) => {
    const form = args === "" ? "CAMEL_STRING" : args;
    if (form !== "CAMEL_STRING" && form !== "SNAKE_STRING" && form !== "NUMBER") {
      return `GrpcStatusFormatter only supports CAMEL_STRING, SNAKE_STRING or NUMBER. Got: ${args}`;
    }
    if (form === "NUMBER") return numberOperator((info) => grpcStatus(info) ?? -1);
    return textOperator((info) => {
      const status = grpcStatus(info);
      return status === null ? null : grpcStatusText(status, form);
    });
  },
  GRPC_STATUS_NUMBER: () => numberOperator((info) => grpcStatus(info) ?? -1),
  PATH: pathOperator,
  QUERY_PARAM: (args) => textOperator((info) => decodedParam(info.request.path, args) || null),
  QUERY_PARAMS: (args) => {
    if (args !== "" && args !== "ORIG" && args !== "DECODED") {
      return `Invalid QUERY_PARAMS option: '${args}', only 'ORIG'/'DECODED' are allowed`;
    }
    return textOperator((info) => {
      const query = queryOf(info.request.path);
      return query === "" ? null : args === "DECODED" ? percentDecode(query) : query;
    });
  },
  ENVIRONMENT: (args) => {
    const value = process.env[args];
    const text = value === undefined ? null : toWire(value);
    return textOperator(() => text);
  },
  DYNAMIC_METADATA: (args) => metadataOperator(args.split(":"), (info) => info.dynamicMetadata),
  CLUSTER_METADATA: (args) => metadataOperator(args.split(":"), (info) => info.clusterMetadata),
  UPSTREAM_METADATA: (args) => metadataOperator(args.split(":"), metadataSources.UPSTREAM_HOST as MetadataSource),
  METADATA: (args) => {
    const [type = "", ...path] = args.split(":");
    const source = metadataSources[type];
    return source === undefined ? `${type} is not supported type of metadata` : metadataOperator(path, source);
  },
  FILTER_STATE: filterState,
  COALESCE: coalesce,
  CEL: (args) => celOperator(args, false),
  TYPED_CEL: (args) => celOperator(args, true),
};

const needsArgs = new Set([
  "REQ",
  "REQUEST_HEADER",
  "STREAM_INFO_REQ",
  "RESP",
  "RESPONSE_HEADER",
  "TRAILER",
  "RESPONSE_TRAILER",
  "REQ_WITHOUT_QUERY",
  "COMMON_DURATION",
  "QUERY_PARAM",
  "ENVIRONMENT",
  "DYNAMIC_METADATA",
  "CLUSTER_METADATA",
  "UPSTREAM_METADATA",
  "METADATA",
  "COALESCE",
  "CEL",
  "TYPED_CEL",
]);

const metadataSources: Record<string, MetadataSource> = {
  DYNAMIC: (info) => info.dynamicMetadata,
  CLUSTER: (info) => info.clusterMetadata,
  ROUTE: (info) => info.routeMetadata,
  UPSTREAM_HOST: (info) => info.upstreamHostFacts?.metadata ?? null,
  LISTENER: (info) => info.listener.metadata,
  VIRTUAL_HOST: (info) => info.virtualHostMetadata,
  LISTENER_FILTER_CHAIN: () => null,
};
type MetadataSource = (info: StreamInfo) => Parameters<typeof metadataAt>[0];

function headerMaker(find: (info: StreamInfo, field: string) => string | null): Maker {
  return (args) => {
    const [main = "", alternative, ...rest] = args.toLowerCase().split("?");
    if (rest.length > 0) return `More than 1 alternative header specified in token: ${args}`;
    if (/[\s\0]/.test(args)) return "Invalid header configuration. Format string contains invalid characters.";
    if (alternative === undefined) return textOperator((info) => find(info, main));
    return textOperator((info) => find(info, main) ?? find(info, alternative));
  };
}

function timeOperator(
  args: string,
  standard: string,
  isLocal: boolean,
  time: (info: StreamInfo) => number | null,
): Operator | string {
  if (args.includes("%n") || args.includes("\n"))
    return "Invalid header configuration. Format string contains newline.";
  const format = new TimeFormat(toWire(args === "" ? standard : args), isLocal);
  return textOperator((info) => {
    const moment = time(info);
    return moment === null ? null : format.format(moment);
  });
}

function commonDuration(args: string): Operator | string {
  const [from = "", to = "", unit = "ms"] = args.split(":");
  if (to === "") return `Invalid common duration configuration: ${args}.`;
  const factor = unit === "ms" ? 1 : unit === "us" ? 1e3 : unit === "ns" ? 1e6 : 0;
  if (factor === 0) return `Invalid common duration precision: ${unit}.`;
  const begin = timePoints[from];
  const end = timePoints[to];
  if (begin === undefined || end === undefined) return nothing;
  return numberOperator((info) => {
    const a = begin(info);
    const b = end(info);
    return a < 0 || b < 0 ? -1 : Math.floor((b - a) * factor);
  });
}

function pathOperator(args: string): Operator | string {
  const [query = "", which = ""] = args.split(":");
  if (query !== "" && query !== "WQ" && query !== "NQ")
    return `Invalid PATH option: '${query}', only 'WQ'/'NQ' are allowed`;
  if (which !== "" && which !== "ORIG" && which !== "PATH") {
    return `Invalid PATH option: '${which}', only 'ORIG'/'PATH' are allowed`;
  }
  return textOperator((info) => {
    let path = which === "PATH" ? null : info.request.find("x-envoy-original-path");
    if (path === null && which !== "ORIG") path = info.request.path || null;
    return path === null || query !== "NQ" ? path : (path.split("?", 1)[0] as string);
  });
}

function metadataOperator(path: string[], source: MetadataSource): Operator {
  const value = (info: StreamInfo) => metadataAt(source(info), path) ?? null;
  return {
    text: (info) => {
      const found = value(info);
      if (found === null) return null;
      return toWire(typeof found === "string" ? found : sortedJson(found, metadataNumber));
    },
    value,
  };
}

function filterState(args: string): Operator | string {
  const [key = "", form = "", field = ""] = args.split(":");
  if (key === "") return "Invalid filter state configuration, key cannot be empty.";
  if (form !== "" && form !== "PLAIN" && form !== "TYPED" && form !== "FIELD") {
    return "Invalid filter state serialize type, only support PLAIN/TYPED/FIELD.";
  }
  if (form === "PLAIN") return textOperator((info) => info.filterState?.get(key)?.text() ?? null);
  if (form === "FIELD") return textOperator((info) => info.filterState?.get(key)?.field?.(field) ?? null);
  const value = (info: StreamInfo): Record<string, unknown> | string | null =>
    info.filterState?.get(key)?.fields() ?? null;
  return {
    text: (info) => {
      const fields = value(info);
      if (fields === null) return null;
      const json = sortedJson(typeof fields === "string" ? fields : jsonNames(fields));
      // protobuf's JSON is safe in HTML.
      return toWire(json.replaceAll("<", "\\u003c").replaceAll(">", "\\u003e"));
    },
    value,
  };
}

/** The first operator of the list that has a value: names, or objects of command, param and max_length. */
function coalesce(args: string, _name: string, enabled: ReadonlySet<string>): Operator | string {
  let config: unknown;
  try {
    config = JSON.parse(args);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return `COALESCE: failed to parse JSON configuration: ${error.message}`;
  }
  const list = isRecord(config) ? config.operators : undefined;
  if (!Array.isArray(list)) return "COALESCE: JSON configuration must contain 'operators' array";
  const operators: Operator[] = [];
  for (const entry of list as unknown[]) {
    const { command, param, max_length } = isRecord(entry) ? entry : { command: entry, param: null, max_length: null };
    if (typeof command !== "string") return "COALESCE: each operator must be a string or an object with a 'command'";
    const limit = typeof max_length === "number" ? max_length : null;
    const made = makeOperator(command, typeof param === "string" ? param : null, limit, enabled);
    if (typeof made === "string") return `COALESCE: ${made}`;
    operators.push(made);
  }
  return textOperator((info) => {
    for (const operator of operators) {
      const text = operator.text(info);
      if (text !== null) return text;
    }
    return null;
  });
}

function isBareAddress(name: string): boolean {
  const match = /^(.+)_(?:ADDRESS|PORT)$/.exec(name);
  return match !== null && addressFields[match[1] as string] !== undefined;
}

function addressOperator(name: string, args: string | null): Operator | null {
  const match = /^(.+?)_(ADDRESS|ADDRESS_WITHOUT_PORT|PORT)$/.exec(name);
  const address = match === null ? undefined : addressFields[match[1] as string];
  if (address === undefined) return null;
  if (match?.[2] === "PORT") return portOperator(address);
  if (match?.[2] === "ADDRESS") return textOperator((info) => address(info) || null);
  const prefixLength = args !== null && /^\d+$/.test(args) ? Number(args) : null;
  return textOperator((info) => {
    const full = address(info);
    if (full === "") return null;
    return prefixLength === null ? withoutPort(full) : maskedAddress(withoutPort(full), prefixLength);
  });
}

/** A Unix socket has none: "" in text. */
function portOperator(address: (info: StreamInfo) => string): Operator {
  return {
    text: (info) => {
      const full = address(info);
      return full === "" ? null : String(portOf(full) ?? "");
    },
    value: (info) => portOf(address(info)),
  };
}

function textOperator(text: (info: StreamInfo) => string | null): Operator {
  return { text, value: null };
}

function numberOperator(number: (info: StreamInfo) => number): Operator {
  return {
    text: (info) => {
      const value = number(info);
      return value < 0 ? null : String(value);
    },
    value: (info) => {
      const value = number(info);
      return value < 0 ? null : value;
    },
  };
}

/** A number that may be less than 0; null is no value. */
function signedOperator(value: (info: StreamInfo) => number | null): Operator {
  return { text: (info) => value(info)?.toString() ?? null, value };
}

/** From the start of the stream or connection that is logged, as Envoy: the handshake was over when a request began. */
function handshakeDuration({ start, downstreamTls }: StreamInfo): number | null {
  const end = downstreamTls?.handshakeEnd ?? -1;
  // Without a zero that has a sign.
  return end < 0 ? null : Math.trunc(end - start) + 0;
}

function shortened(operator: Operator, maxLength: number): Operator {
  return {
    text: (info) => {
      const text = operator.text(info);
      return text === null || text.length <= maxLength ? text : text.slice(0, maxLength);
    },
    value: null,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const nothing: Operator = { text: () => null, value: null };
