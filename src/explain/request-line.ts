import { RequestHead } from "../http/header-block.ts";
import { wire } from "../router/text.ts";

/** A request as somebody asks about it. */
export interface AskedRequest {
  method: string;
  scheme: "http" | "https";
  /** host[:port] */
  authority: string;
  /** The port that the URL names; 0 where it names none. */
  port: number;
  /** Path and query; "" for CONNECT. */
  path: string;
  /** Lower-case names. */
  headers: [name: string, value: string][];
}

/** Reads "GET https://host/path" and lines "name: value"; a string says what is wrong. Without a method it is GET; without a host in the URL there must be a host header. */
export function readRequest(line: string, headerLines: readonly string[]): AskedRequest | string {
  const [, said, target = ""] =
    /^\s*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s+)?(\S+)(?:\s+HTTP\/[\d.]+)?\s*$/.exec(line) ?? [];
  const example = `such as 'GET https://shop.example/cart?x=1'`;
  if (target === "") return `"${line}" is no request line: a method and a URL are wanted, ${example}`;
  const headers = readHeaders(headerLines);
  if (typeof headers === "string") return headers;
  const method = said ?? "GET";
  const hostHeader = headers.find(([name]) => name === "host" || name === ":authority")?.[1];
  const rest = headers.filter(([name]) => name !== "host" && name !== ":authority");
  if (method === "CONNECT") {
    if (!/^[^/:]+:\d+$|^\[[^\]]+\]:\d+$/.test(target)) return `CONNECT takes a host and a port, not "${target}"`;
    return { method, scheme: "http", authority: target, port: 0, path: "", headers: rest };
  }
  if (target.startsWith("/")) {
    if (hostHeader === undefined)
      return `"${target}" names no host: give a URL, ${example}, or -H 'host: shop.example'`;
    return { method, scheme: "http", authority: hostHeader, port: 0, path: wire(target), headers: rest };
  }
  const [, scheme = "", host = "", path = ""] = /^([a-zA-Z][a-zA-Z\d+.-]*):\/\/([^/?#]*)(.*)$/.exec(target) ?? [];
  if (scheme === "") return `"${target}" is no URL: it begins with http:// or https://, ${example}`;
  if (!/^https?$/i.test(scheme)) return `a URL with ${scheme}:// is not for this proxy: http:// or https:// is wanted`;
  if (host === "" || host.includes("@")) return `"${target}" lacks a host that can stand in a request`;
  const withoutFragment = path.replace(/#.*$/, "");
  return {
    method,
    scheme: scheme.toLowerCase() as "http" | "https",
    authority: wire(hostHeader ?? host),
    port: Number(/:(\d+)$/.exec(host)?.[1] ?? 0),
    path: wire(withoutFragment.startsWith("/") ? withoutFragment : `/${withoutFragment}`),
    headers: rest,
  };
}

/** The head as the codec would give it. */
export function headOf(request: AskedRequest): RequestHead {
  const head = new RequestHead();
  head.method = request.method;
  head.path = request.path;
  head.authority = request.authority;
  for (const [name, value] of request.headers) head.append(name, wire(value));
  return head;
}

function readHeaders(lines: readonly string[]): AskedRequest["headers"] | string {
  const headers: AskedRequest["headers"] = [];
  for (const line of lines) {
    const [, name, value = ""] = /^\s*(:authority|[!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined) return `"${line}" is no header: "name: value" is wanted`;
    headers.push([name.toLowerCase(), value]);
  }
  return headers;
}
