import { askAdmin, defaultAdmin } from "./ask-admin.ts";
import { type CommandResult, failed } from "./command-result.ts";

/** `nuncio config status|history|diff`: asks the admin interface of a running proxy. `args` follow "config". */
export async function configCommand(args: readonly string[]): Promise<CommandResult> {
  if (args.length === 0) return { code: 1, stdout: "", stderr: usage };
  if (args.includes("--help") || args.includes("-h")) return { code: 0, stdout: usage, stderr: "" };
  const parsed = parse(args);
  if (typeof parsed === "string") return failed(`${parsed}\nnuncio config --help says more`);
  const { command, admin, query, isJson } = parsed;
  const path = `/config_${command}?${new URLSearchParams({ ...query, ...(isJson ? { format: "json" } : {}) })}`;
  const answer = await askAdmin(admin, path, null);
  if (typeof answer === "string") return failed(answer);
  if (answer.status !== 200) return failed(answer.body.trim());
  const isRefused = command === "status" && hasRefused(answer.body, isJson);
  return { code: isRefused ? 2 : 0, stdout: answer.body, stderr: "" };
}

interface Parsed {
  command: "status" | "history" | "diff";
  admin: string;
  query: Record<string, string>;
  isJson: boolean;
}

/** The arguments, or what is wrong with them. */
function parse(args: readonly string[]): Parsed | string {
  const [command = "", ...rest] = args;
  const takes = options[command];
  if (takes === undefined) return `there is no "config ${command}"; there are ${Object.keys(options).join(", ")}`;
  const parsed: Parsed = { command: command as Parsed["command"], admin: defaultAdmin, query: {}, isJson: false };
  for (let i = 0; i < rest.length; i++) {
    const [name = "", inline] = splitOnce(rest[i] ?? "");
    if (name === "--json" && inline === undefined) {
      parsed.isJson = true;
      continue;
    }
    if (name !== "--admin" && !takes.includes(name)) return `"config ${command}" has no ${name}`;
    const value = inline ?? rest[++i];
    if (value === undefined || value === "") return `${name} lacks its value`;
    if (name === "--admin") parsed.admin = value;
    else parsed.query[name.slice(2)] = value;
  }
  return parsed;
}

/** Whether /config_status says that something is refused. */
function hasRefused(body: string, isJson: boolean): boolean {
  if (!isJson) return /^ {2}REFUSED /m.test(body);
  const { types } = JSON.parse(body) as { types: { refused: unknown[] }[] };
  return types.some(({ refused }) => refused.length > 0);
}

/** "--type=lds" as its two halves. */
function splitOnce(arg: string): [name: string, value?: string] {
  const equals = arg.indexOf("=");
  return equals < 0 ? [arg] : [arg.slice(0, equals), arg.slice(equals + 1)];
}

const options: Readonly<Record<string, readonly string[]>> = {
  status: ["--type"],
  history: ["--type", "--resource"],
  diff: ["--type", "--resource", "--update"],
};
const usage = `
Tells of the config that a running proxy gets from control planes and files.

   nuncio config status  [--type T]
   nuncio config history [--type T] [--resource NAME]
   nuncio config diff    [--type T] [--resource NAME] [--update N]

   status    what serves, what is refused and why, what is waited for
   history   the last updates, newest first, and what became of them
   diff      how refused resources differ from what serves; with --update, what the update of that number changed

   --admin ADDRESS   admin interface: host:port or the path of a socket; ${defaultAdmin} by default
   --type T          lds, rds, vhds, srds, cds, eds, sds, ecds or rtds
   --json            for programs

   Exit code: 0; 1 where the proxy could not be asked; 2 from status where something is refused.
`;
