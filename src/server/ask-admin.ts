import { type RequestOptions, request } from "node:http";
import { nodePath } from "../net/bind.ts";

/** The admin interface of examples/. */
export const defaultAdmin = "127.0.0.1:9901";

/** What came, or why nothing did. */
export type AdminAnswer = { status: number; body: string } | string;

/** Asks the admin interface of a running proxy. `admin`: "127.0.0.1:9901", "[::1]:9901", "localhost:9901", "/run/admin.sock" or "@abstract". With a body it is a POST. */
export async function askAdmin(admin: string, path: string, body: string | null): Promise<AdminAnswer> {
  const target = addressOf(admin);
  if (target === null) return `--admin ${admin}: a host:port, or the path of a socket, is wanted`;
  const answer = await ask({ ...target, path, method: body === null ? "GET" : "POST" }, body);
  if (typeof answer === "string") return `no proxy answers at ${admin}: ${answer}`;
  if (answer.status === 404 && answer.body.startsWith("invalid path")) {
    return `what answers at ${admin} has no ${path.replace(/\?.*/, "")}: it is no Nuncio, or an older one`;
  }
  return answer;
}

function addressOf(text: string): RequestOptions | null {
  if (text.startsWith("/") || text.startsWith("@")) return { socketPath: nodePath(text) };
  const [, host, port] = /^(?:https?:\/\/)?(\[[^\]]+\]|[^:/]+):(\d+)\/?$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535) return null;
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

function ask(options: RequestOptions, body: string | null): Promise<AdminAnswer> {
  return new Promise((resolve) => {
    const sent = request({ ...options, timeout: timeoutMs, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (data: string) => (text += data));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body: text });
      });
      response.on("error", (error) => resolve(error.message));
    });
    sent.on("timeout", () => sent.destroy(new Error(`nothing came for ${timeoutMs / 1000} s`)));
    sent.on("error", (error) => {
      const code = "code" in error ? String(error.code) : "";
      resolve(faults[code] ?? error.message);
    });
    sent.end(body ?? undefined);
  });
}

const faults: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOENT: "there is no such socket",
  ENOTFOUND: "there is no such host",
  ECONNRESET: "it closed the connection",
};
const timeoutMs = 10_000;
