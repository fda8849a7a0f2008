/** One HTTP/1.1 message read from latin1 text by the plainest rules: it is the test's own reader, not the code under test. */
export interface Message {
  line: string;
  headers: Field[];
  body: string;
  trailers: Field[];
  /** False while bytes of the body are missing. */
  complete: boolean;
  /** Characters of the text this message took. */
  length: number;
}

/** A field as it stood on the wire: the name's case is kept, blanks around the value are not. */
export type Field = [name: string, value: string];

/** What decides the end of a body besides the fields. */
export interface Framing {
  kind: "request" | "response";
  /** True for an answer to HEAD. */
  bodyless: boolean;
  /** True once the peer has closed its side, which ends a body that has no length. */
  ended: boolean;
}

/** Reads the message that starts at `start`; null while its head is incomplete. */
export function readMessage(text: string, start: number, framing: Framing): Message | null {
  const headEnd = text.indexOf("\r\n\r\n", start);
  if (headEnd < 0) return null;
  const [line = "", ...lines] = text.slice(start, headEnd).split("\r\n");
  const message: Message = { line, headers: lines.map(toField), body: "", trailers: [], complete: true, length: 0 };
  const bodyStart = headEnd + 4;
  const end = readBody(text, bodyStart, message, framing);
  message.length = end - start;
  return message;
}

/** The first value of a field, or null. The name is in lower case. */
export function fieldValue(headers: readonly Field[], name: string): string | null {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? null;
}

/** The status of a response's first line, 0 when there is none. */
export function statusOf(message: Message): number {
  return Number(message.line.split(" ")[1]) || 0;
}

function readBody(text: string, start: number, message: Message, framing: Framing): number {
  const status = framing.kind === "response" ? statusOf(message) : 0;
  const noBody = framing.bodyless || (status >= 100 && status < 200) || status === 204 || status === 304;
  if (noBody) return start;
  if (/chunked/i.test(fieldValue(message.headers, "transfer-encoding") ?? "")) return readChunks(text, start, message);
  const length = fieldValue(message.headers, "content-length");
  if (length !== null) {
    message.body = text.slice(start, start + Number(length));
    message.complete = message.body.length === Number(length);
    return start + message.body.length;
  }
  if (framing.kind === "request") return start;
  message.body = text.slice(start);
  message.complete = framing.ended;
  return text.length;
}

function readChunks(text: string, start: number, message: Message): number {
  let at = start;
  message.complete = false;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return text.length;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (Number.isNaN(size)) return text.length;
    at = lineEnd + 2;
    if (size === 0) return readTrailers(text, at, message);
    message.body += text.slice(at, at + size);
    if (text.length < at + size + 2) return text.length;
    at += size + 2;
  }
}

function readTrailers(text: string, start: number, message: Message): number {
  let at = start;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return text.length;
    if (lineEnd === at) {
      message.complete = true;
      return lineEnd + 2;
    }
    message.trailers.push(toField(text.slice(at, lineEnd)));
    at = lineEnd + 2;
  }
}

function toField(line: string): Field {
  const colon = line.indexOf(":");
  return colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1).trim()];
}
