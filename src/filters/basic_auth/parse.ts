import { readBytes } from "../../net/tls/data-source.ts";
import { checkCoverage } from "../../proto/coverage.ts";
import type { DataSource } from "../../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type BasicAuth,
  type BasicAuthPerRoute,
  BasicAuthPerRouteSchema,
  BasicAuthSchema,
} from "../../proto/generated/envoy/extensions/filters/http/basic_auth/v3/basic_auth_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseHeaderName } from "../../router/parse-headers.ts";

/** User to the SHA-1 of the password, in base64. */
export type UsersSpec = Record<string, string>;

/** extensions.filters.http.basic_auth.v3.BasicAuth. */
export interface BasicAuthSpec {
  users: UsersSpec;
  /** Lower-case; "" for none. */
  usernameHeader: string;
  /** Lower-case. */
  credentialHeader: string;
}

export function parseBasicAuth(message: BasicAuth, problems: Problems): BasicAuthSpec {
  checkCoverage(BasicAuthSchema, message, problems, {
    honoured: ["users", "forward_username_header", "authentication_header"],
    harmless: [],
  });
  return {
    users: parseUsers(message.users, problems),
    usernameHeader: parseHeaderName(message.forwardUsernameHeader),
    credentialHeader: parseHeaderName(message.authenticationHeader || "authorization"),
  };
}

export function parseBasicAuthPerRoute(message: BasicAuthPerRoute, problems: Problems): UsersSpec {
  checkCoverage(BasicAuthPerRouteSchema, message, problems, { honoured: ["users"], harmless: [] });
  return parseUsers(message.users, problems);
}

/** The lines of an htpasswd file; SHA-1 alone, as in Envoy. */
function parseUsers(source: DataSource | undefined, problems: Problems): UsersSpec {
  const users: UsersSpec = {};
  const refuse = (line: number, text: string) => {
    problems.error("users", `line ${line}: ${text}`, { envoyText: `basic auth: ${text}` });
  };
  const text = readBytes(source, problems, "users")?.toString() ?? "";
  if (text === "" && !problems.hasErrors) {
    problems.error("users", "is empty", { envoyText: "DataSource cannot be empty" });
  }
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line === "" || line.startsWith("#")) continue;
    const at = line.indexOf(":");
    const [name, hash] = [line.slice(0, at), line.slice(at + 1)];
    if (at < 0) refuse(i + 1, "invalid htpasswd format, username:password is expected");
    else if (name === "" || hash === "") refuse(i + 1, "empty user name or password");
    else if (Object.hasOwn(users, name)) refuse(i + 1, "duplicate users");
    else if (!hash.startsWith(sha)) refuse(i + 1, "unsupported htpasswd format: please use {SHA}");
    else if (hash.length !== sha.length + hashLength) refuse(i + 1, "invalid htpasswd format, invalid SHA hash length");
    else users[name] = hash.slice(sha.length);
  }
  return users;
}

const sha = "{SHA}";
const hashLength = 28;
