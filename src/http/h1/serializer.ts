import type { HeaderBlock } from "../header-block.ts";
import type { HeaderCase } from "./options.ts";

/** `text` with the block's fields behind it, each with its CRLF. */
export function appendFields(text: string, block: HeaderBlock, headerCase: HeaderCase): string {
  if (headerCase !== "lower" || block.rawNames !== null) return appendFieldsInCase(text, block, headerCase);
  let out = text;
  const names = block.names;
  const values = block.values;
  const size = block.size;
  for (let i = 0; i < size; i++) {
    const name = names[i] as string;
    // `+`, as a template would call ToString.
    // biome-ignore lint/style/useTemplate: see above
    if (name !== "") out += name + ": " + values[i] + "\r\n";
  }
  return out;
}

function appendFieldsInCase(text: string, block: HeaderBlock, headerCase: HeaderCase): string {
  let out = text;
  for (let i = 0; i < block.size; i++) {
    const name = block.names[i] as string;
    if (name === "") continue;
    // As the peer wrote it wins, whatever this side's way is: Envoy keeps the formatter with the message.
    const written = block.rawNames?.[i] ?? (headerCase === "proper" ? properCase(name) : name);
    out += `${written}: ${block.values[i]}\r\n`;
  }
  return out;
}

/** A field that the codec itself adds. */
export function codecField(name: string, value: string, headerCase: HeaderCase): string {
  return `${headerCase === "proper" ? properCase(name) : name}: ${value}\r\n`;
}

/** Envoy's ProperCaseHeaderKeyFormatter: the first letter, and each behind a character that is no letter or digit. */
export function properCase(name: string): string {
  let result = properNames.get(name);
  if (result !== undefined) return result;
  result = "";
  let isStart = true;
  for (let i = 0; i < name.length; i++) {
    const letter = name.charAt(i);
    result += isStart ? letter.toUpperCase() : letter;
    isStart = letter === "-" || !isAlphanumeric(name.charCodeAt(i));
  }
  if (properNames.size < 1024) properNames.set(name, result);
  return result;
}

/** "HTTP/1.1 200 OK\r\n" */
export function statusLine(status: number): string {
  return statusLines[status] ?? `HTTP/1.1 ${status} Unknown\r\n`;
}

/** Envoy's words (CodeUtility::toString); "Unknown" for the others. */
export function reasonPhrase(status: number): string {
  return reasons[status] ?? "Unknown";
}

function isAlphanumeric(c: number): boolean {
  return (c >= 48 && c <= 57) || (c >= 97 && c <= 122) || (c >= 65 && c <= 90);
}

const properNames = new Map<string, string>();

const reasons: Readonly<Record<number, string>> = {
  100: "Continue",
  101: "Switching Protocols",
  200: "OK",
  201: "Created",
  202: "Accepted",
  203: "Non-Authoritative Information",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  207: "Multi-Status",
  208: "Already Reported",
  226: "IM Used",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  305: "Use Proxy",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Payload Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  421: "Misdirected Request",
  422: "Unprocessable Entity",
  423: "Locked",
  424: "Failed Dependency",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  506: "Variant Also Negotiates",
  507: "Insufficient Storage",
  508: "Loop Detected",
  510: "Not Extended",
  511: "Network Authentication Required",
  599: "Last Unassigned Server Error Code",
};

const statusLines: string[] = [];
for (let status = 0; status < 1000; status++) statusLines.push(`HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`);
