import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { expand } from "./bytes.ts";
import type { Received, Script } from "./client.ts";
import { freshSocket } from "./fresh-socket.ts";
import type { Field, Message } from "./http-text.ts";

/** A request as HTTP/1.1 text that HTTP/2 can say too; null for any other text. */
interface PlainRequest {
  method: string;
  path: string;
  authority: string;
  fields: Field[];
  body: string;
}

/** Plays a script of one plain request on a fresh HTTP/2 connection by prior knowledge. node:http2 is the client. */
export async function playHttp2(port: number, script: Script): Promise<Received> {
  const request = plainRequest(script);
  if (request === null) throw new Error("not a request for HTTP/2");
  const socket = await freshSocket(port);
  const session = connect(`http://127.0.0.1:${port}`, {
    createConnection: () => socket,
    // Of newer Node; its types do not know it yet.
    strictSingleValueFields: false,
  } as object);
  let hasGoAway = false;
  session.on("error", () => {});
  session.on("goaway", () => (hasGoAway = true));
  const localPort = socket.localPort ?? 0;
  const { messages, rest } = await exchange(session, request, script.holdMs ?? 1500);
  await new Promise((resolve) => setTimeout(resolve, 60));
  const ending = hasGoAway || session.closed ? "fin" : "open";
  session.destroy();
  return { messages, rest, ending, localPort };
}

/** The script's one request, when it is one that HTTP/2 can say. */
export function plainRequest(script: Script): PlainRequest | null {
  if (typeof script.send !== "string" || script.beside !== undefined || script.finish !== undefined) return null;
  if (script.splitBytes !== undefined || script.answers !== undefined) return null;
  const text = expand(script.send);
  const headEnd = text.indexOf("\r\n\r\n");
  const [line = "", ...lines] = text.slice(0, headEnd).split("\r\n");
  const [, method = "", path = ""] = /^([A-Z]+) (\/\S*) HTTP\/1\.1$/.exec(line) ?? [];
  if (headEnd < 0 || method === "" || method === "CONNECT") return null;
  const fields: Field[] = [];
  for (const one of lines) {
    const [, name = "", value = ""] =
      /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/.exec(one) ?? [];
    if (name === "" || !/^[a-z0-9-]+$/.test(name) || hopByHop.test(name)) return null;
    fields.push([name, value]);
  }
  const hosts = fields.filter(([name]) => name === "host");
  const length = Number(fields.find(([name]) => name === "content-length")?.[1] ?? 0);
  const body = text.slice(headEnd + 4);
  if (hosts.length !== 1 || body.length !== length) return null;
  return { method, path, authority: hosts[0]?.[1] ?? "", fields: fields.filter(([name]) => name !== "host"), body };
}

function exchange(
  session: ClientHttp2Session,
  { method, path, authority, fields, body }: PlainRequest,
  holdMs: number,
): Promise<{ messages: Message[]; rest: string }> {
  const headers: Record<string, string | string[]> = { ":method": method, ":path": path, ":authority": authority };
  for (const [name, value] of fields) {
    const known = headers[name];
    headers[name] = known === undefined ? value : [known, value].flat();
  }
  const messages: Message[] = [];
  return new Promise((resolve) => {
    const stream = session.request(headers, { endStream: body === "" });
    const end = (rest: string) => {
      clearTimeout(timer);
      resolve({ messages, rest });
    };
    const timer = setTimeout(() => end("no end"), holdMs);
    let last: Message | null = null;
    stream.setEncoding("latin1");
    stream.on("headers", (informational) => messages.push(messageOf(informational)));
    stream.on("response", (answer) => {
      last = messageOf(answer);
      messages.push(last);
    });
    stream.on("data", (text: string) => {
      if (last !== null) last.body += text;
    });
    stream.on("trailers", (trailers) => {
      if (last !== null) last.trailers = fieldsOf(trailers);
    });
    stream.on("error", () => {});
    stream.on("close", () => {
      if (last !== null) last.complete = stream.rstCode === 0;
      end(stream.rstCode === 0 ? "" : `RST_STREAM ${stream.rstCode}`);
    });
    if (body !== "") stream.end(body, "latin1");
  });
}

function messageOf(headers: IncomingHttpHeaders & { ":status"?: number }): Message {
  return {
    line: `HTTP/2 ${headers[":status"]}`,
    headers: fieldsOf(headers),
    body: "",
    trailers: [],
    complete: false,
    length: 0,
  };
}

function fieldsOf(headers: IncomingHttpHeaders): Field[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith(":") ? [] : [value ?? ""].flat().map((one): Field => [name, String(one)]),
  );
}

/** Fields that HTTP/2 does not have, or that node:http2 will not send. */
const hopByHop =
  /^(?:connection|keep-alive|proxy-connection|transfer-encoding|upgrade|te|expect|http2-settings|trailer)$/;
