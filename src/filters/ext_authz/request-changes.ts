import { pseudoFields, type RequestHead } from "../../http/header-block.ts";
import { percentDecode } from "../../http/percent-decode.ts";
import { encodedParamsOf, percentEncode, withParams } from "../query-params.ts";
import type { MutationRules } from "./mutation-rules.ts";
import type { RequestChange, Verdict } from "./verdict.ts";

/** Does to a request what the service says; false where something of that may not be. Envoy: Filter::onComplete. */
export function changeRequest(
  head: RequestHead,
  verdict: Verdict,
  rules: MutationRules | null,
  validates: boolean,
): boolean {
  for (const change of verdict.request) {
    if (validates && !isValid(change)) return false;
    const allowed = rules === null ? "ok" : rules.check("set", change.name, change.value);
    if (allowed === "fail") return false;
    if (allowed === "ok") setField(head, change);
  }
  for (const name of verdict.remove) {
    if (validates && !nameChars.test(name)) continue;
    if (rules === null && (name.startsWith(":") || name === "host")) continue;
    const allowed = rules === null ? "ok" : rules.check("remove", name, "");
    if (allowed === "fail") return false;
    if (allowed === "ok") head.remove(name);
  }
  if (validates && !verdict.response.every(isValid)) return false;
  return changeQuery(head, verdict, validates);
}

/** Whether a head has more fields or bytes than a client may send. */
export function isTooLarge(head: RequestHead, limits: { fields: number; bytes: number }): boolean {
  let fields = 0;
  for (let i = 0; i < head.size; i++) if (head.names[i] !== "") fields++;
  for (const name of pseudoFields) if (head.find(name) !== null) fields++;
  return fields > limits.fields || head.byteSize() > limits.bytes;
}

/** Whether a name and value may stand in a message (RFC 9110 section 5). */
export function isValid({ name, value }: Pick<RequestChange, "name" | "value">): boolean {
  return nameChars.test(name) && !badValue.test(value);
}

function changeQuery(head: RequestHead, { querySet, queryRemove }: Verdict, validates: boolean): boolean {
  if (querySet.length + queryRemove.length === 0) return true;
  const params = encodedParamsOf(head.path);
  for (const [name, value] of querySet) {
    if (validates && !(isEncoded(name) && isEncoded(value))) return false;
    params.set(name, [value]);
  }
  for (const name of queryRemove) params.delete(name);
  head.path = withParams(head.path, params);
  return true;
}

/** Envoy: PercentEncoding::queryParameterIsUrlEncoded. */
function isEncoded(text: string): boolean {
  return percentEncode(percentDecode(text)) === text;
}

function setField(head: RequestHead, { name, value, how }: RequestChange): void {
  const before = head.find(name);
  if (how === "join" && before === null) return;
  const text = how === "join" ? `${before},${value}` : value;
  if (name.startsWith(":") || name === "host") setPseudo(head, name, text);
  else if (how === "set") head.set(name, text);
  else if (how === "add") head.append(name, text);
  // Of several it is the first.
  else head.values[head.names.indexOf(name)] = text;
}

function setPseudo(head: RequestHead, name: string, value: string): void {
  switch (name) {
    case "host":
    case ":authority":
      head.authority = value;
      return;
    case ":path":
      head.path = value;
      return;
    case ":method":
      head.method = value;
      return;
    case ":scheme":
      head.scheme = value;
  }
}

const nameChars = /^:?[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const badValue = /[\0-\x08\x0a-\x1f\x7f]/;
