import { type CommandResult, failed } from "./command-result.ts";

/** `nuncio routes lint`: what is likely not meant in the routes of a file. `args` follow "routes". */
export async function routesCommand(args: readonly string[]): Promise<CommandResult> {
  if (args.includes("--help") || args.includes("-h")) return { code: 0, stdout: usage, stderr: "" };
  const [command, ...rest] = args;
  if (command !== "lint") return { code: 1, stdout: "", stderr: usage };
  let configPath = "";
  let isJson = false;
  for (let i = 0; i < rest.length; i++) {
    const arg = rest[i] as string;
    if (arg === "--json") isJson = true;
    else if (arg === "-c" || arg === "--config-path") configPath = rest[++i] ?? "";
    else if (arg.startsWith("--config-path=")) configPath = arg.slice("--config-path=".length);
    else return failed(`"routes lint" has no ${arg}`);
  }
  if (configPath === "") return failed("a configuration is wanted: -c FILE");
  const [{ loadFile }, { lintFile }] = await Promise.all([
    import("../explain/file-world.ts"),
    import("../explain/lint-file.ts"),
  ]);
  const file = loadFile(configPath, "");
  if (typeof file === "string") return failed(file);
  const findings = lintFile(file);
  const code = findings.length === 0 ? 0 : 2;
  if (isJson) return { code, stdout: `${JSON.stringify({ findings }, null, 1)}\n`, stderr: "" };
  const lines = findings.map(({ kind, where, what }) => `${kind}: ${where} ${what}`);
  return { code, stdout: `${[...lines, countText(findings.length)].join("\n")}\n`, stderr: "" };
}

function countText(count: number): string {
  return count === 0 ? "nothing found" : `${count} found`;
}

const usage = `
Finds in the routes of a file what is legal and likely not meant.

   nuncio routes lint -c FILE [--json]

   unreachable      a route that no request can reach: one before it takes all of its, or its share is 0
   overlap          two routes of one path whose conditions one request can meet both
   no_timeout       a route without timeout (0s) and without max_stream_duration
   unused_cluster   a cluster that nothing in the file names; not told where routes come from outside

   Exit code: 0 where nothing is found, 2 where something is, 1 where the file cannot be read.
`;
