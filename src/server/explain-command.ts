import type { CommandResult } from "./config-command.ts";

/** `nuncio explain`: why a request goes where it goes, by a configuration. `args` follow "explain". */
export async function explainCommand(args: readonly string[]): Promise<CommandResult> {
  if (args.length === 0) return { code: 1, stdout: "", stderr: usage };
  if (args.includes("--help") || args.includes("-h")) return { code: 0, stdout: usage, stderr: "" };
  const parsed = parse(args);
  if (typeof parsed === "string") return fail(`${parsed}\nnuncio explain --help says more`);
  const [{ fileWorld }, { readRequest }, { explain }, { explanationText, explanationJson }] = await Promise.all([
    import("../explain/file-world.ts"),
    import("../explain/request-line.ts"),
    import("../explain/explain.ts"),
    import("../explain/render.ts"),
  ]);
  const request = readRequest(parsed.line, parsed.headers);
  if (typeof request === "string") return fail(request);
  const world = fileWorld(parsed.configPath, parsed.configYaml);
  if (typeof world === "string") return fail(world);
  const explanation = explain(world, request, parsed);
  if (typeof explanation === "string") return fail(explanation);
  const stdout = parsed.isJson
    ? `${JSON.stringify(explanationJson(explanation), null, 1)}\n`
    : explanationText(explanation);
  const isServed = explanation.upstream !== null || explanation.winner !== null;
  return { code: isServed ? 0 : 2, stdout, stderr: "" };
}

interface Parsed {
  line: string;
  headers: string[];
  configPath: string;
  configYaml: string;
  name: string;
  port: number;
  source: string;
  random: number;
  routes: number;
  isJson: boolean;
}

/** The arguments, or what is wrong with them. */
function parse(args: readonly string[]): Parsed | string {
  const words: string[] = [];
  const headers: string[] = [];
  const given = new Map<string, string>();
  let isJson = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (arg === "--json") isJson = true;
    else if (!arg.startsWith("-")) words.push(arg);
    else {
      const equals = arg.startsWith("--") ? arg.indexOf("=") : -1;
      const name = equals < 0 ? arg : arg.slice(0, equals);
      const known = shortNames[name] ?? name.slice(2);
      if (!valued.includes(known)) return `explain has no ${name}`;
      const value = equals < 0 ? args[++i] : arg.slice(equals + 1);
      if (value === undefined || value === "") return `${name} lacks its value`;
      if (known === "header") headers.push(value);
      else given.set(known, value);
    }
  }
  if (words.length === 0) return "a request is wanted, such as 'GET https://shop.example/cart'";
  const text = (name: string) => given.get(name) ?? "";
  if (text("config-path") === "" && text("config-yaml") === "") return "a configuration is wanted: -c FILE";
  const numbers = { port: 0, random: 0, routes: 10 };
  for (const name of ["port", "random", "routes"] as const) {
    const fault = readNumber(name, given.get(name), numbers);
    if (fault !== "") return fault;
  }
  return {
    line: words.join(" "),
    headers,
    configPath: text("config-path"),
    configYaml: text("config-yaml"),
    name: text("listener"),
    source: given.get("source") ?? "127.0.0.1",
    ...numbers,
    isJson,
  };
}

function readNumber(name: keyof typeof limits, value: string | undefined, into: Record<string, number>): string {
  if (value === undefined) return "";
  const number = Number(value);
  const { below, what, isWhole } = limits[name];
  if (!(number >= 0 && number < below) || (isWhole && !Number.isInteger(number))) {
    return `--${name} ${value}: ${what} is wanted`;
  }
  into[name] = number;
  return "";
}

function fail(fault: string): CommandResult {
  return { code: 1, stdout: "", stderr: `${fault}\n` };
}

const limits = {
  port: { below: 65_536, isWhole: true, what: "a port" },
  random: { below: 1, isWhole: false, what: "a number from 0 to below 1" },
  routes: { below: Number.MAX_SAFE_INTEGER, isWhole: true, what: "how many routes" },
};
const valued = ["header", "config-path", "config-yaml", "listener", "port", "source", "random", "routes"];
const shortNames: Readonly<Record<string, string>> = { "-H": "header", "-c": "config-path" };
const usage = `
Tells why a request goes where it goes: listener, virtual host, each route that was tried, cluster, and what the upstream gets.

   nuncio explain -c FILE [options] 'GET https://shop.example/cart?x=1'

   -c, --config-path FILE   a bootstrap; nothing is started and nobody is asked
   --config-yaml TEXT       one as text, alone or merged over the file
   -H, --header 'k: v'      a header of the request; as often as there are some
   --listener NAME          the listener that gets it; --port N the one of that port
   --source ADDRESS         the client's address; 127.0.0.1 by default
   --random N               from 0 to below 1: what shares and weights are drawn by; 0 by default
   --routes N               how many routes that do not match are told, the nearest ones; 10 by default
   --json                   for programs

   Exit code: 0 where a route takes the request, 2 where none does, 1 where it cannot be told.
`;
