import { readFileSync } from "node:fs";
import { basename, isAbsolute } from "node:path";
import { create, type DescMessage, fromBinary, type MessageShape, merge } from "@bufbuild/protobuf";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { type Bootstrap, BootstrapSchema } from "../proto/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import {
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "../proto/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { readJson, type UnknownFields } from "../proto/json-tree.ts";
import { type Problem, Problems } from "../proto/problems.ts";
import { typeRegistry } from "../proto/type-registry.ts";
import { parseJson } from "./json.ts";
import { type Location, locate, type Source, type SourceNode, SourceSyntaxError, toJson } from "./source.ts";
import { validate } from "./validate.ts";
import { parseYaml } from "./yaml.ts";

/** Where a bootstrap comes from and how strict to be, as Envoy's flags have it. */
export interface LoadOptions {
  /** `--config-path`. `.yaml` and `.yml` are YAML, `.pb` binary, `.pb_text` the text format, all else JSON. Null: none. */
  configPath: string | null;
  /** `--config-yaml`: YAML or JSON merged over the file. Null or empty: none. */
  configYaml: string | null;
  /** `--allow-unknown-static-fields`: a field the API does not have is a warning, not an error. */
  allowUnknownStaticFields: boolean;
}

/** A message that was read, with all that is wrong with it. */
export interface LoadResult<M> {
  /** Of all texts, merged. Null if there is any error. */
  message: M | null;
  /** Errors and warnings, in the order of the texts. */
  problems: Problem[];
  /** The place of each of these problems; a problem of a binary file has none. */
  locations: Map<Problem, Location>;
  /** The place of a field path of the message, for problems found later. */
  locate: (path: string) => Location | null;
}

/** Reads the bootstrap named by the flags, merges, and checks it against the API's own rules. Does not throw. */
export function loadBootstrap(options: LoadOptions): LoadResult<Bootstrap> {
  const load = new Load(BootstrapSchema, "a bootstrap", options.allowUnknownStaticFields ? "warn" : "refuse", true);
  if (options.configPath !== null && options.configPath !== "") load.file(options.configPath);
  if (options.configYaml !== null && options.configYaml !== "") {
    load.text("--config-yaml", options.configYaml, parseYaml);
  }
  if ((options.configPath ?? "") === "" && (options.configYaml ?? "") === "") {
    load.problems.error("", "there is no configuration: give --config-path (-c) or --config-yaml", {
      envoyText: "At least one of --config-path or --config-yaml or Options::configProto() should be non-empty",
    });
  }
  return load.finish();
}

/** Reads a file that is one message, and checks it against the rules of its fields. `title`: "a list of tests". Does not throw. */
export function loadMessage<Desc extends DescMessage>(
  schema: Desc,
  title: string,
  path: string,
): LoadResult<MessageShape<Desc>> {
  const load = new Load(schema, title, "refuse", true);
  load.file(path);
  return load.finish();
}

/** Reads a file of resources (path_config_source), in the form that its suffix says. Each is checked by who takes it. Does not throw. */
export function loadResources(path: string, unknownFields: UnknownFields): LoadResult<DiscoveryResponse> {
  const load = new Load(DiscoveryResponseSchema, "a file of resources", unknownFields, false);
  load.file(path);
  return load.finish();
}

/** Reads resources in JSON, as REST answers them. `name` is what the text is called. Does not throw. */
export function parseResources(name: string, text: string): LoadResult<DiscoveryResponse> {
  const load = new Load(DiscoveryResponseSchema, "an answer", "warn", false);
  load.text(name, text, parseJson);
  return load.finish();
}

class Load<Desc extends DescMessage> {
  readonly problems = new Problems();
  readonly #schema: Desc;
  readonly #message: MessageShape<Desc>;
  readonly #validates: boolean;
  /** What the texts are called: "a bootstrap". */
  readonly #title: string;
  readonly #sources: Source[] = [];
  readonly #locations = new Map<Problem, Location>();
  readonly #unknownFields: UnknownFields;

  /** `validates`: the rules of the API are checked for the message as a whole. */
  constructor(schema: Desc, title: string, unknownFields: UnknownFields, validates: boolean) {
    this.#validates = validates;
    this.#schema = schema;
    this.#message = create(schema);
    this.#title = title;
    this.#unknownFields = unknownFields;
  }

  file(path: string): void {
    const bytes = readFile(path, this.problems);
    if (bytes === null) return;
    const suffix = path.toLowerCase();
    if (suffix.endsWith(".pb")) this.#proto(path, () => fromBinary(this.#schema, bytes));
    else if (suffix.endsWith(".pb_text")) {
      this.#proto(path, () => fromText(this.#schema, bytes.toString(), { registry: typeRegistry }));
    } else this.text(basename(path), bytes.toString(), /\.ya?ml$/.test(suffix) ? parseYaml : parseJson);
  }

  text(name: string, text: string, parse: (text: string) => SourceNode | null): void {
    const before = this.problems.list.length;
    const root = this.#parse(name, text, parse);
    if (root === null) return;
    const source = { name, root };
    this.#sources.push(source);
    if (root.kind !== "map") {
      this.problems.error(
        "",
        `${this.#title} is a map of fields, this is ${root.kind === "list" ? "a list" : "one word"}`,
        {
          envoyText: root.kind === "list" ? "Unable to parse JSON as proto" : "Unable to convert YAML as JSON",
        },
      );
    } else {
      const message = readJson(this.#schema, toJson(root), this.problems, this.#unknownFields);
      if (message !== null) merge(this.#schema, this.#message, message);
    }
    // Before the merge: indexes are those of this text alone.
    for (const problem of this.problems.list.slice(before)) this.#place(problem, [source]);
  }

  finish(): LoadResult<MessageShape<Desc>> {
    const read = [...this.problems.list];
    const checks = new Problems();
    if (this.#validates && (this.#sources.length > 0 || !this.problems.hasErrors)) {
      validate(this.#schema, this.#message, checks, this.#unknownFields);
    }
    for (const problem of checks.list) {
      if (read.some((cause) => explains(cause, problem))) continue;
      this.problems.list.push(problem);
      this.#place(problem, this.#sources);
    }
    return {
      message: this.problems.hasErrors ? null : this.#message,
      problems: this.problems.list,
      locations: this.#locations,
      locate: (path) => locate(this.#sources, path),
    };
  }

  #parse(name: string, text: string, parse: (text: string) => SourceNode | null): SourceNode | null {
    try {
      const root = parse(text);
      if (root === null) {
        this.problems.error("", `${name} is empty`, { envoyText: "Unable to convert YAML as JSON: " });
      }
      return root;
    } catch (error) {
      if (!(error instanceof SourceSyntaxError)) throw error;
      this.problems.error("", error.message);
      this.#locations.set(this.problems.list[this.problems.list.length - 1], { file: name, ...error.at });
      return null;
    }
  }

  #proto(path: string, read: () => MessageShape<Desc>): void {
    try {
      merge(this.#schema, this.#message, read());
    } catch (error) {
      // protobuf-es throws on what is not the wire format, or not the text format.
      this.problems.error("", `${basename(path)}: ${error instanceof Error ? error.message : String(error)}`, {
        envoyText: `Unable to parse file "${path}" as a ${path.endsWith("_text") ? "text" : "binary"} protobuf (type ${this.#schema.typeName})`,
      });
    }
  }

  #place(problem: Problem, sources: readonly Source[]): void {
    const location = locate(sources, problem.path);
    if (location !== null) this.#locations.set(problem, location);
  }
}

/** Whether a rule is broken only because reading already dropped the faulty or misspelt field. */
function explains(cause: Problem, problem: Problem): boolean {
  if (cause.severity === "warning" || problem.severity === "warning") return false;
  const parent = cause.path.replace(/\.?[^.[\]]+$/, "");
  return (
    problem.path === cause.path ||
    problem.path.startsWith(`${cause.path}.`) ||
    problem.path.startsWith(`${cause.path}[`) ||
    (cause.suggestion !== null &&
      problem.path === (parent === "" ? cause.suggestion : `${parent}.${cause.suggestion}`)) ||
    // A oneof that lacks a member is told at its message.
    (problem.reason.startsWith("one of ") && problem.path === parent)
  );
}

function readFile(path: string, problems: Problems): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    problems.error("", readFaults[why]?.(path) ?? `cannot read ${path}: ${why}`, {
      envoyText: why === "ENOENT" ? `Invalid path: ${path}` : `unable to read file: ${path}`,
    });
    return null;
  }
}

const readFaults: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `there is no file ${path}${isAbsolute(path) ? "" : ` in ${process.cwd()}`}`,
  EACCES: (path) => `${path} may not be read by this user`,
  EISDIR: (path) => `${path} is a folder`,
};
