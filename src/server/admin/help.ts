import { type Endpoint, text } from "./endpoint.ts";

/** /help: the commands as text. */
export function helpEndpoint(all: () => readonly Endpoint[]): Endpoint {
  return {
    path: "/help",
    help: "print out list of admin commands",
    mutates: false,
    params: [],
    handle: () => text(helpText(all())),
  };
}

/** The list that /help and an unknown path show. */
export function helpText(endpoints: readonly Endpoint[]): string {
  let out = "admin commands are:\n";
  for (const endpoint of endpoints) {
    out += `  ${endpoint.path}${endpoint.mutates ? " (POST)" : ""}: ${endpoint.help}\n`;
    for (const param of endpoint.params) {
      const choices = param.choices.length > 0 ? `; One of (${param.choices.join(", ")})` : "";
      out += `      ${param.name}: ${param.help}${choices}\n`;
    }
  }
  return out;
}
