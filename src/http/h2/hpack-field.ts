import { tokenChars } from "../h1/field-name.ts";
import { knownId } from "../names.ts";

/** What a field's name means to HTTP/2. */
export const FieldKind = {
  regular: 0,
  method: 1,
  path: 2,
  authority: 3,
  scheme: 4,
  status: 5,
  protocol: 6,
  unknownPseudo: 7,
  host: 8,
  cookie: 9,
  contentLength: 10,
  te: 11,
  /** Connection, Transfer-Encoding and the like, which HTTP/2 forbids (RFC 9113 section 8.2.2). */
  connectionSpecific: 12,
} as const;

/** What is wrong with a field, as bits. Judged once, when it is decoded or enters the table. */
export const FieldFault = {
  /** No lower-case token (RFC 9113 section 8.2.1). */
  name: 1,
  /** A control character in the value. */
  control: 2,
  /** Blanks at an end of the value. */
  blankEnds: 4,
  /** A byte above 0x7f in the value. */
  obsText: 8,
  /** "_" in the name: for headers_with_underscores_action. */
  underscore: 16,
} as const;

/** A decoded field: an entry of a table, or the decoder's own for the length of a call. */
export class HpackField {
  name = "";
  value = "";
  /** knownId(name), which HeaderBlock.append takes. */
  id = -1;
  kind = 0;
  /** FieldFault bits of the name, and of the value. */
  nameFault = 0;
  valueFault = 0;

  /** Bytes it counts in a table (RFC 7541 section 4.1). */
  get size(): number {
    return this.name.length + this.value.length + entryOverhead;
  }

  setName(name: string, id: number): void {
    this.name = name;
    this.id = id;
    this.kind = kindOf(name);
    this.nameFault = this.kind === FieldKind.regular ? nameFaultOf(name) : 0;
  }

  takeName(other: HpackField): void {
    this.name = other.name;
    this.id = other.id;
    this.kind = other.kind;
    this.nameFault = other.nameFault;
  }
}

/** RFC 7541 section 4.1. */
export const entryOverhead = 32;

/** Entry 1 is at 1. */
export const staticTable: HpackField[] = [new HpackField()];

/** The FieldFault bits of a value's bytes. */
export function valueFaultOf(bytes: Uint8Array, from: number, to: number): number {
  let classes = 0;
  for (let i = from; i < to; i++) classes |= valueClasses[bytes[i] as number] as number;
  if (to > from && (isBlank(bytes[from] as number) || isBlank(bytes[to - 1] as number))) {
    classes |= FieldFault.blankEnds;
  }
  return classes;
}

function isBlank(c: number): boolean {
  return c === 32 || c === 9;
}

function nameFaultOf(name: string): number {
  if (name === "") return FieldFault.name;
  let fault = 0;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (tokenChars[c] !== 1 || (c >= 65 && c <= 90)) return FieldFault.name;
    if (c === 95) fault = FieldFault.underscore;
  }
  return fault;
}

function kindOf(name: string): number {
  const kind = kinds.get(name);
  if (kind !== undefined) return kind;
  return name.charCodeAt(0) === 58 ? FieldKind.unknownPseudo : FieldKind.regular;
}

const kinds = new Map<string, number>([
  [":method", FieldKind.method],
  [":path", FieldKind.path],
  [":authority", FieldKind.authority],
  [":scheme", FieldKind.scheme],
  [":status", FieldKind.status],
  [":protocol", FieldKind.protocol],
  ["host", FieldKind.host],
  ["cookie", FieldKind.cookie],
  ["content-length", FieldKind.contentLength],
  ["te", FieldKind.te],
  ["connection", FieldKind.connectionSpecific],
  ["keep-alive", FieldKind.connectionSpecific],
  ["proxy-connection", FieldKind.connectionSpecific],
  ["transfer-encoding", FieldKind.connectionSpecific],
  ["upgrade", FieldKind.connectionSpecific],
]);

const valueClasses = new Uint8Array(256);
for (let c = 0; c < 256; c++) {
  if ((c < 32 && c !== 9) || c === 127) valueClasses[c] = FieldFault.control;
  else if (c > 127) valueClasses[c] = FieldFault.obsText;
}

/** RFC 7541 appendix A. */
const staticFields = [
  ":authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204",
  ":status=206|:status=304|:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate",
  "accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control",
  "content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type",
  "cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since",
  "last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after",
  "server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate",
];
for (const text of staticFields.join("|").split("|")) {
  const [name = "", value = ""] = text.split("=");
  const field = new HpackField();
  field.setName(name, knownId(name));
  field.value = value;
  staticTable.push(field);
}
