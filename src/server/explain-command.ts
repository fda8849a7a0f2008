import { optionNames, type Question, readOptions } from "../explain/options.ts";
import { askAdmin } from "./ask-admin.ts";
import { type CommandResult, failed } from "./command-result.ts";

/** `nuncio explain`: why a request goes where it goes, by a file or in a running proxy. `args` follow "explain". */
export async function explainCommand(args: readonly string[]): Promise<CommandResult> {
  if (args.length === 0) return { code: 1, stdout: "", stderr: usage };
  if (args.includes("--help") || args.includes("-h")) return { code: 0, stdout: usage, stderr: "" };
  const parsed = parse(args);
  if (typeof parsed === "string") return failed(`${parsed}\nnuncio explain --help says more`);
  return parsed.admin === "" ? askFile(parsed) : askProxy(parsed);
}

async function askFile({ question, configPath, configYaml, isJson }: Parsed): Promise<CommandResult> {
  const [{ loadFile, worldOf }, { answerQuestion }, { explanationText, explanationJson }] = await Promise.all([
    import("../explain/file-world.ts"),
    import("../explain/question.ts"),
    import("../explain/render.ts"),
  ]);
  const file = loadFile(configPath, configYaml);
  if (typeof file === "string") return failed(file);
  const said = answerQuestion(worldOf(file), question);
  if (typeof said === "string") return failed(said);
  const stdout = isJson ? `${JSON.stringify(explanationJson(said), null, 1)}\n` : explanationText(said);
  return { code: said.winner === null ? 2 : 0, stdout, stderr: "" };
}

async function askProxy({ question, admin, isJson }: Parsed): Promise<CommandResult> {
  const { line, headers, options } = question;
  const body = JSON.stringify({ request: line, headers, ...Object.fromEntries(options) });
  const answer = await askAdmin(admin, `/explain${isJson ? "?format=json" : ""}`, body);
  if (typeof answer === "string") return failed(answer);
  if (answer.status !== 200) return failed(answer.body.trim());
  const hasWinner = isJson ? JSON.parse(answer.body).winner !== null : /^route {7}/m.test(answer.body);
  return { code: hasWinner ? 0 : 2, stdout: answer.body, stderr: "" };
}

interface Parsed {
  question: Question;
  configPath: string;
  configYaml: string;
  /** "" to ask the file. */
  admin: string;
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
  const hasFile = text("config-path") !== "" || text("config-yaml") !== "";
  if (!hasFile && text("admin") === "")
    return "a configuration is wanted: -c FILE, or --admin HOST:PORT of a running proxy";
  if (hasFile && text("admin") !== "") return "a file and a running proxy cannot be asked at once: -c or --admin";
  const options = new Map([...given].filter(([name]) => optionNames.includes(name)));
  const fault = readOptions(options);
  if (typeof fault === "string") return `--${fault}`;
  return {
    question: { line: words.join(" "), headers, options },
    configPath: text("config-path"),
    configYaml: text("config-yaml"),
    admin: text("admin"),
    isJson,
  };
}

const valued = ["header", "config-path", "config-yaml", "admin", ...optionNames];
const shortNames: Readonly<Record<string, string>> = { "-H": "header", "-c": "config-path" };
const usage = `
Tells why a request goes where it goes: listener, virtual host, each route that was tried, cluster, and what the upstream gets.

   nuncio explain -c FILE [options] 'GET https://shop.example/cart?x=1'
   nuncio explain --admin HOST:PORT [options] 'GET https://shop.example/cart?x=1'

   -c, --config-path FILE   a bootstrap; nothing is started and nobody is asked
   --admin ADDRESS          the admin interface of a running proxy, whose config of now is asked: host:port or the path of a socket
   --config-yaml TEXT       one as text, alone or merged over the file
   -H, --header 'k: v'      a header of the request; as often as there are some
   --listener NAME          the listener that gets it; --port N the one of that port
   --source ADDRESS         the client's address; 127.0.0.1 by default
   --random N               from 0 to below 1: what shares and weights are drawn by; 0 by default
   --routes N               how many routes that do not match are told, the nearest ones; 10 by default
   --json                   for programs

   Exit code: 0 where a route takes the request, 2 where none does, 1 where it cannot be told.
`;
