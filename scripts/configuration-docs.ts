/** Writes docs/configuration.md: what is read, warned of and refused, taken from the tables in the sources. `npm run docs`. */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DescMessage } from "@bufbuild/protobuf";

/** The fields of one message, as the checkCoverage call beside its parser has them. */
export interface CoverageTable {
  file: string;
  desc: DescMessage;
  honoured: string[];
  harmless: string[];
}

/** Every checkCoverage call of src/. Throws on one that it cannot read, and on a name that is no field. */
export async function coverageTables(): Promise<CoverageTable[]> {
  const tables: CoverageTable[] = [];
  for (const file of sources()) {
    const text = readFileSync(join(root, file), "utf8");
    for (const call of calls(text)) {
      const schema = /^\s*(\w+)/.exec(call)?.[1] ?? "";
      const desc = await importSchema(file, text, schema);
      const honoured = list(call, text, "honoured");
      const harmless = list(call, text, "harmless");
      for (const name of [...honoured, ...harmless]) {
        if (!desc.fields.some((field) => field.name === name)) throw new Error(`${file}: ${schema} has no ${name}`);
      }
      tables.push({ file, desc, honoured, harmless });
    }
  }
  return tables.sort((a, b) => rank(a.file) - rank(b.file));
}

/** The whole page. */
export async function configurationPage(): Promise<string> {
  const tables = await coverageTables();
  const parts = [intro, "## Fields"];
  for (const { file, desc, honoured, harmless } of tables) {
    const side = tables.filter((other) => other.desc === desc).length > 1 ? `, ${sideOf(file)}` : "";
    const refused = desc.fields
      .map((field) => field.name)
      .filter((name) => !honoured.includes(name) && !harmless.includes(name));
    parts.push(
      `### ${desc.typeName.replace(/^envoy\./, "")}${side}`,
      [row("Read", honoured), row("Warned of", harmless), row("Refused", refused)].filter(Boolean).join("\n"),
      `In \`${file}\`.`,
    );
  }
  parts.push("## Values", valuesIntro, ["| Words | In |", "| --- | --- |", ...refusedValues()].join("\n"));
  return `${parts.join("\n\n")}\n`;
}

function row(title: string, names: string[]): string {
  return names.length === 0 ? "" : `- ${title}: ${names.map((name) => `\`${name}\``).join(", ")}`;
}

function sideOf(file: string): string {
  return file.startsWith("src/upstream/") ? "upstream" : "downstream";
}

/** From the bootstrap inwards. */
function rank(file: string): number {
  const order = ["config", "proxy", "filters", "router", "upstream", "net"];
  return order.indexOf(file.split("/")[1] ?? "");
}

/** A reason that says what is not done; `…` stands for what the configuration says. */
function refusedValues(): string[] {
  const rows: string[] = [];
  for (const file of sources()) {
    const text = readFileSync(join(root, file), "utf8");
    for (const match of text.matchAll(/(["`])((?:(?!\1)[^\n])*not (?:implemented|possible)(?:(?!\1)[^\n])*)\1/g)) {
      const words = (match[2] ?? "").replace(/\$\{[^}]*\}/g, "…");
      const path = /error\(\s*["`]([\w.[\]${}]*)["`],[^()]*$/.exec(text.slice(0, match.index))?.[1] ?? "";
      const where = path.replace(/\[\$\{\w+\}\]/g, "[]").replace(/\$\{[^}]*\}/g, "…");
      rows.push(`| ${where === "" ? "" : `\`${where}\`: `}${words} | \`${file}\` |`);
    }
  }
  return rows;
}

function sources(): string[] {
  return globSync("src/**/*.ts", { cwd: root })
    .filter((file) => !/\/generated\/|\.test\.ts$|^src\/proto\/coverage\.ts$/.test(file))
    .sort();
}

/** The arguments of each call, parentheses balanced. */
function calls(text: string): string[] {
  const found: string[] = [];
  for (const match of text.matchAll(/\bcheckCoverage\(/g)) {
    const start = match.index + match[0].length;
    let end = start;
    for (let depth = 1; depth > 0; end++) depth += text[end] === "(" ? 1 : text[end] === ")" ? -1 : 0;
    found.push(text.slice(start, end - 1));
  }
  return found;
}

/** The array behind `name:` in the call, or the constant that it names. */
function list(call: string, text: string, name: string): string[] {
  const inline = new RegExp(`\\b${name}: \\[([^\\]]*)\\]`).exec(call)?.[1];
  const constant = new RegExp(`\\b${name}: (\\w+)`).exec(call)?.[1] ?? name;
  const array = inline ?? new RegExp(`const ${constant} = \\[([^\\]]*)\\]`).exec(text)?.[1];
  if (array === undefined) throw new Error(`no list "${name}" in ${call}`);
  return [...array.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? "");
}

async function importSchema(file: string, text: string, local: string): Promise<DescMessage> {
  for (const [, names = "", from = ""] of text.matchAll(/import \{([^}]*)\} from "(\.[^"]+_pb\.ts)"/g)) {
    const exported = names
      .split(",")
      .map((name) => name.trim().split(" as "))
      .find((pair) => pair.at(-1) === local)?.[0];
    if (exported === undefined) continue;
    const module = (await import(join(root, file, "..", from))) as Record<string, DescMessage>;
    const desc = module[exported];
    if (desc !== undefined) return desc;
  }
  throw new Error(`${file}: ${local} is imported from no generated file`);
}

const root = join(import.meta.dirname, "..");
const intro = `# What of Envoy's configuration is read

Written by \`npm run docs\` from the tables in the sources; a test keeps it current. Any bootstrap of Envoy 1.40 is parsed and validated whole. Of its fields, each is

- **read**: it does what it does in Envoy;
- **warned of**: it is accepted and has no effect, which changes no answer of a healthy upstream. One warning names it;
- **refused**: it would change what a request gets, and Nuncio does not do it yet. \`file:line:col\`, its path and the reason are told, and the process does not start.

A message without a heading is read by the code of the message that holds it.`;
const valuesIntro = `Fields that are read may have values that are not done. They are refused in these words (\`…\` is what the configuration says):`;

if (import.meta.main) writeFileSync(join(root, "docs/configuration.md"), await configurationPage());
