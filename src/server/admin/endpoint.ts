import type { AdminState } from "./state.ts";

/** One endpoint of the admin interface: what /help says of it and what it answers. */
export interface Endpoint {
  path: string;
  help: string;
  /** It changes something: any method but POST is 405. */
  mutates: boolean;
  params: readonly EndpointParam[];
  /** A body is what is asked, whatever its type says (curl -d calls any a form); without it a form's fields are parameters. */
  takesBody?: boolean;
  handle(request: AdminRequest, state: AdminState): AdminReply | Promise<AdminReply>;
}

export interface EndpointParam {
  name: string;
  help: string;
  /** What may be chosen; empty: free text. */
  choices: readonly string[];
  /** On the home page: a check box, a text field, or a list of the choices. */
  input: "checkbox" | "text" | "select";
}

export interface AdminRequest {
  /** The first value of each query parameter, decoded; "" for one without a value. */
  query: ReadonlyMap<string, string>;
  method: string;
  /** Of a POST; "" for a form, and otherwise. */
  body: string;
}

export interface AdminReply {
  status: number;
  contentType: string;
  /** A function is called when the answer is counted. */
  body: string | Buffer | NodeJS.ReadableStream | (() => string | Promise<string>);
}

const textType = "text/plain; charset=UTF-8";

export function text(body: AdminReply["body"], status = 200): AdminReply {
  return { status, contentType: textType, body };
}

/** JSON as Envoy prints it: one space a level, a line break at the end. */
export function json(value: unknown): AdminReply {
  return { status: 200, contentType: "application/json", body: `${JSON.stringify(value, null, 1)}\n` };
}

export function checkbox(name: string, help: string): EndpointParam {
  return { name, help, choices: [], input: "checkbox" };
}

export function textField(name: string, help: string): EndpointParam {
  return { name, help, choices: [], input: "text" };
}

export function select(name: string, help: string, choices: readonly string[]): EndpointParam {
  return { name, help, choices, input: "select" };
}
