/** Wire text: one character is one byte (latin1). `{{X*N}}` is X repeated, `{{REPEAT:N:text}}` is text N times with `{i}` the index, `{{BASE64:text}}` is text in base64. */
export function expand(text: string): string {
  return text
    .replace(/\{\{REPEAT:(\d+):([\s\S]*?)\}\}/g, (_, count: string, part: string) =>
      Array.from({ length: Number(count) }, (_, index) => part.replaceAll("{i}", String(index))).join(""),
    )
    .replace(/\{\{([\s\S])\*(\d+)\}\}/g, (_, char: string, count: string) => char.repeat(Number(count)))
    .replace(/\{\{BASE64:([\s\S]*?)\}\}/g, (_, part: string) => Buffer.from(part, "latin1").toString("base64"));
}

/** A request without a body: `request("GET /x", "x-do: status:503")`. A host field is added unless one is given. */
export function request(line: string, ...fields: string[]): string {
  return `${head(line, fields)}\r\n`;
}

/** A request with a body of known length. */
export function withBody(line: string, body: string, ...fields: string[]): string {
  return `${head(line, fields)}content-length: ${expand(body).length}\r\n\r\n${body}`;
}

/** A chunked request: each part is one chunk; `trailers` are whole lines. */
export function withChunks(
  line: string,
  parts: readonly string[],
  trailers: readonly string[],
  ...fields: string[]
): string {
  const chunks = parts.map((part) => `${expand(part).length.toString(16)}\r\n${part}\r\n`).join("");
  const tail = trailers.map((trailer) => `${trailer}\r\n`).join("");
  return `${head(line, fields)}transfer-encoding: chunked\r\n\r\n${chunks}0\r\n${tail}\r\n`;
}

/** An `x-do: raw:` field: the backend answers exactly these bytes (see backend.ts). */
export function rawAnswer(bytes: string): string {
  return `x-do: raw:${escapeBytes(bytes)}`;
}

/** Percent-encodes everything that would end a word of an `x-do` field. */
function escapeBytes(bytes: string): string {
  return bytes.replace(/[^A-Za-z0-9._/=-]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** The inverse of escapeBytes. */
export function unescapeBytes(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function head(line: string, fields: readonly string[]): string {
  const host = fields.some((field) => /^host\s*:/i.test(field)) ? [] : ["host: example.test"];
  const version = / HTTP\/\d/.test(line) ? line : `${line} HTTP/1.1`;
  return [version, ...host, ...fields].map((text) => `${text}\r\n`).join("");
}
