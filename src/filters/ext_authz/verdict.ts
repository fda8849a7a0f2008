import { fromBinary } from "@bufbuild/protobuf";
import type { HeaderBlock, ResponseHead } from "../../http/header-block.ts";
import type { HeaderValueOption } from "../../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type CheckResponse,
  CheckResponseSchema,
  type DeniedHttpResponse,
} from "../../proto/generated/envoy/service/auth/v3/external_auth_pb.ts";
import type { StringMatcher } from "../../router/matchers.ts";
import { appendActions } from "../../router/parse-headers.ts";
import type { AppendAction } from "../../router/spec.ts";
import { asciiLower, wire } from "../../router/text.ts";

/** A change of a field of an answer, in wire text. */
export interface FieldChange {
  /** Lower-case. */
  name: string;
  value: string;
  action: AppendAction;
}

/** A change of a field of the request, in wire text. */
export interface RequestChange {
  /** Lower-case. */
  name: string;
  value: string;
  /** join: into the field that is there, behind a comma; nothing where there is none. */
  how: "set" | "add" | "join";
}

/** What a service says of a request, of whichever kind it is. Envoy: Filters::Common::ExtAuthz::Response. */
export interface Verdict {
  kind: "ok" | "denied" | "error";
  /** Of a refusal; 0 where the service says none. */
  status: number;
  body: string;
  /** In the order they are made. */
  request: RequestChange[];
  /** Lower-case. */
  remove: string[];
  /** Of the answer: the upstream's, or the refusal. */
  response: FieldChange[];
  querySet: [name: string, value: string][];
  queryRemove: string[];
  metadata: Record<string, unknown> | null;
  /** A field of the upstream's answer was to be changed in a way that nobody knows; it is left out. */
  hasUnknownAction: boolean;
}

/** null for what is no CheckResponse. Envoy: GrpcClientImpl::onSuccess. */
export function grpcVerdict(message: Uint8Array): Verdict | null {
  let answer: CheckResponse;
  try {
    answer = fromBinary(CheckResponseSchema, message);
  } catch {
    return null;
  }
  const { httpResponse: said } = answer;
  const verdict = noVerdict();
  const ok = said.case === "okResponse" ? said.value : null;
  verdict.metadata = ok?.dynamicMetadata ?? answer.dynamicMetadata ?? null;
  if ((answer.status?.code ?? 0) === 0) {
    verdict.kind = "ok";
    if (ok === null) return verdict;
    // Envoy reads `append` alone here, and appends last.
    const changes = changesOf(ok.headers);
    const isJoin = (i: number) => ok.headers[i]?.append === true;
    verdict.request = [
      ...changes.filter((_, i) => !isJoin(i)).map((change) => requestChange(change, "set")),
      ...changes.filter((_, i) => isJoin(i)).map((change) => requestChange(change, "join")),
    ];
    const known = ok.responseHeadersToAdd.filter(hasKnownAction);
    verdict.response = changesOf(known);
    verdict.hasUnknownAction = known.length < ok.responseHeadersToAdd.length;
    verdict.remove = ok.headersToRemove.map((name) => asciiLower(wire(name)));
    verdict.querySet = ok.queryParametersToSet.map(({ key, value }) => [wire(key), wire(value)]);
    verdict.queryRemove = ok.queryParametersToRemove.map(wire);
    return verdict;
  }
  if (said.case === "errorResponse") {
    refuseAs(said.value, verdict);
    return verdict;
  }
  verdict.kind = "denied";
  verdict.status = 403;
  if (said.case === "deniedResponse") refuseAs(said.value, verdict);
  return verdict;
}

/** Where fields of an HTTP answer go; null: all but host. */
export interface AnswerMatchers {
  toUpstream: readonly StringMatcher[];
  toUpstreamAppended: readonly StringMatcher[];
  toClient: readonly StringMatcher[] | null;
  toClientOnSuccess: readonly StringMatcher[];
  toMetadata: readonly StringMatcher[];
}

/** Envoy: RawHttpClientImpl::toResponse. */
export function httpVerdict(head: ResponseHead, body: Buffer, matchers: AnswerMatchers): Verdict {
  const verdict = noVerdict();
  if (head.status >= 500) return verdict;
  verdict.metadata = metadataOf(head, matchers.toMetadata);
  if (head.status === 200) {
    verdict.kind = "ok";
    for (const list of valuesOf(head, removalField)) {
      for (const name of list.split(",")) if (name.trim() !== "") verdict.remove.push(asciiLower(name.trim()));
    }
    verdict.request = [
      ...fieldsOf(head, matchers.toUpstream, setAction).map((change) => requestChange(change, "set")),
      ...fieldsOf(head, matchers.toUpstreamAppended, addAction).map((change) => requestChange(change, "add")),
    ];
    verdict.response = fieldsOf(head, matchers.toClientOnSuccess, addAction);
    return verdict;
  }
  verdict.kind = "denied";
  verdict.status = head.status;
  verdict.body = body.toString();
  verdict.response = fieldsOf(head, matchers.toClient, setAction);
  return verdict;
}

/** That of a call without an answer. */
export function noVerdict(): Verdict {
  return {
    kind: "error",
    status: 0,
    body: "",
    request: [],
    remove: [],
    response: [],
    querySet: [],
    queryRemove: [],
    metadata: null,
    hasUnknownAction: false,
  };
}

function refuseAs({ status, headers, body }: DeniedHttpResponse, verdict: Verdict): void {
  verdict.response = changesOf(headers);
  verdict.body = body;
  const code = status?.code ?? 0;
  if (code > 0) verdict.status = code;
}

function changesOf(options: readonly HeaderValueOption[]): FieldChange[] {
  return options.map(({ header, append, appendAction }) => {
    const byOld = append ? addAction : setAction;
    return {
      name: asciiLower(wire(header?.key ?? "")),
      value: wire(header?.value ?? ""),
      action: append === undefined ? (appendActions[appendAction] ?? setAction) : byOld,
    };
  });
}

function fieldsOf(head: HeaderBlock, matchers: readonly StringMatcher[] | null, action: AppendAction): FieldChange[] {
  const changes: FieldChange[] = [];
  for (let i = 0; i < head.size; i++) {
    const name = head.names[i] as string;
    if (name === "" || name === removalField) continue;
    const isWanted = matchers === null ? name !== "host" : matchers.some((matcher) => matcher.matches(name));
    if (isWanted) changes.push({ name, value: head.values[i] as string, action });
  }
  return changes;
}

function metadataOf(head: HeaderBlock, matchers: readonly StringMatcher[]): Record<string, unknown> | null {
  const fields = fieldsOf(head, matchers, setAction);
  if (fields.length === 0) return null;
  return Object.fromEntries(fields.map(({ name, value }) => [name, Buffer.from(value, "latin1").toString()]));
}

function valuesOf(head: HeaderBlock, name: string): string[] {
  return head.values.filter((_, i) => i < head.size && head.names[i] === name);
}

function hasKnownAction({ append, appendAction }: HeaderValueOption): boolean {
  return append !== undefined || appendActions[appendAction] !== undefined;
}

function requestChange({ name, value }: FieldChange, how: RequestChange["how"]): RequestChange {
  return { name, value, how };
}

const setAction = "OVERWRITE_IF_EXISTS_OR_ADD";
const addAction = "APPEND_IF_EXISTS_OR_ADD";
const removalField = "x-envoy-auth-headers-to-remove";
