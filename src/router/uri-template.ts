/** A path template as a regular expression with one group a variable. */
export interface UriTemplate {
  /** RE2 syntax, of the whole path. */
  regex: string;
  /** Names in the order of their groups. */
  variables: string[];
}

/** A piece of a rewrite: text as it stands, or the number of a variable of the template, from 0. */
export type RewritePiece = string | number;

/**
 * Reads a template such as "/{lang}/{rest=docs/**}.html". A string says what is wrong with it. Envoy:
 * UriTemplate::Internal::parsePathPatternSyntax.
 */
export function parseUriTemplate(template: string): UriTemplate | { error: string } {
  try {
    return new TemplateReader(template).read();
  } catch (error) {
    if (error instanceof TemplateFault) return { error: error.message };
    throw error;
  }
}

/** Reads a rewrite such as "/{rest}/{lang}" for a template with these variables. Envoy: UriTemplate::parseRewritePattern. */
export function parseTemplateRewrite(
  rewrite: string,
  variables: readonly string[],
): { pieces: RewritePiece[] } | { error: string; isUnknownVariable: boolean } {
  const refuse = (error: string, isUnknownVariable = false) => ({ error, isUnknownVariable });
  if (!rewrite.startsWith("/")) return refuse("must begin with /");
  if (rewrite.includes("//")) return refuse("has //");
  const pieces: RewritePiece[] = [];
  let rest = rewrite;
  while (rest !== "") {
    const open = rest.indexOf("{");
    const literal = open < 0 ? rest : rest.slice(0, open);
    if (literal !== "" && !isLiteral(literal.replaceAll("/", "")) && literal !== "/")
      return refuse(`has characters that no path has in "${literal}"`);
    if (literal !== "") pieces.push(literal);
    if (open < 0) break;
    const close = rest.indexOf("}", open);
    if (close < 0) return refuse("has a { without its }");
    const name = rest.slice(open + 1, close);
    if (!isVariableName(name)) return refuse(`has "${name}" for a variable's name`);
    const index = variables.indexOf(name);
    if (index < 0) return refuse(`names a variable "${name}" that the template has not`, true);
    pieces.push(index);
    rest = rest.slice(close + 1);
  }
  return { pieces };
}

class TemplateFault extends Error {}

class TemplateReader {
  readonly #template: string;
  #rest: string;
  readonly #variables: string[] = [];

  constructor(template: string) {
    this.#template = template;
    this.#rest = template;
  }

  read(): UriTemplate {
    if (!/^\/[!-~]*$/.test(this.#template)) throw new TemplateFault(`Invalid pattern: "${this.#template}"`);
    this.#rest = this.#template.slice(1);
    const segments: Segment[] = [];
    let suffix = "";
    while (this.#rest !== "") {
      segments.push(this.#segment());
      if (this.#rest === "/") {
        segments.push({ name: null, parts: [""], before: "", after: "" });
        break;
      }
      if (this.#rest.startsWith("/")) this.#rest = this.#rest.slice(1);
      else if (this.#rest !== "") {
        // What stands behind a glob ends the template.
        suffix = this.#literal();
        if (this.#rest !== "") throw new TemplateFault("Prefix match not supported.");
      }
    }
    this.#checkNames(segments);
    checkGlobs(segments);
    return { regex: `/${segments.map(regexOf).join("/")}${escaped(suffix)}`, variables: this.#variables };
  }

  #segment(): Segment {
    if (this.#rest.startsWith("*")) return { name: null, parts: [this.#glob()], before: "", after: "" };
    // A variable at the begin may have slashes in it, one behind text may not.
    if (this.#rest.startsWith("{")) return this.#mixed(this.#rest.length);
    const slash = this.#rest.indexOf("/");
    const end = slash < 0 ? this.#rest.length : slash;
    const close = this.#rest.indexOf("}");
    const open = this.#rest.indexOf("{");
    if (open > 0 && open < close && close < end) return this.#mixed(end);
    return { name: null, parts: [this.#literal()], before: "", after: "" };
  }

  #glob(): Glob {
    const glob = this.#rest.startsWith("**") ? textGlob : pathGlob;
    this.#rest = this.#rest.slice(glob === textGlob ? 2 : 1);
    return glob;
  }

  #literal(): string {
    const slash = this.#rest.indexOf("/");
    const literal = slash < 0 ? this.#rest : this.#rest.slice(0, slash);
    if (!isLiteral(literal)) throw new TemplateFault(`Invalid literal: "${literal}"`);
    this.#rest = this.#rest.slice(literal.length);
    return literal;
  }

  /** A variable with literal text around it, as "v{version}.json". */
  #mixed(end: number): Segment {
    const text = this.#rest.slice(0, end);
    const open = text.indexOf("{");
    const close = text.indexOf("}", open);
    if (close < 0) throw new TemplateFault(`Unmatched variable bracket in mixed pattern: "${text}"`);
    const before = text.slice(0, open);
    const slash = this.#rest.indexOf("/", close);
    const afterEnd = slash < 0 ? this.#rest.length : slash;
    const after = this.#rest.slice(close + 1, afterEnd);
    if (before !== "" && !isLiteral(before)) throw new TemplateFault(`Invalid prefix literal: "${before}"`);
    if (after !== "" && !isLiteral(after)) throw new TemplateFault(`Invalid suffix literal: "${after}"`);
    const later = this.#rest.slice(afterEnd);
    const segment = { ...this.#variable(text.slice(open + 1, close)), before, after };
    this.#rest = later;
    return segment;
  }

  #variable(inner: string): Pick<Segment, "name" | "parts"> {
    const equals = inner.indexOf("=");
    const name = equals < 0 ? inner : inner.slice(0, equals);
    if (!isVariableName(name)) throw new TemplateFault(`Invalid variable name: "${name}"`);
    if (equals < 0) return { name, parts: [implicitGlob] };
    this.#rest = inner.slice(equals + 1);
    if (this.#rest === "") throw new TemplateFault("Empty variable match");
    const parts: Segment["parts"] = [];
    while (this.#rest !== "") {
      parts.push(this.#rest.startsWith("*") ? this.#glob() : this.#literal());
      if (this.#rest === "") break;
      if (this.#rest === "/" || !this.#rest.startsWith("/"))
        throw new TemplateFault(`Invalid variable match: "${this.#rest}"`);
      this.#rest = this.#rest.slice(1);
    }
    return { name, parts };
  }

  #checkNames(segments: readonly Segment[]): void {
    for (const { name } of segments) {
      if (name === null) continue;
      if (this.#variables.length >= maxVariables)
        throw new TemplateFault(`Exceeded variable count limit (${maxVariables})`);
      if (name.length > maxNameLength) {
        throw new TemplateFault(
          `Invalid variable name length (length of "${name}" should be at least 1 and no more than ${maxNameLength})`,
        );
      }
      if (this.#variables.includes(name)) throw new TemplateFault(`Repeated variable name: "${name}"`);
      this.#variables.push(name);
    }
  }
}

type Glob = { readonly regex: string };

interface Segment {
  /** null unless a variable. */
  name: string | null;
  /** What it matches, slashes in between. */
  parts: (string | Glob)[];
  /** Literal text around a variable. */
  before: string;
  after: string;
}

/** Nothing that matches any text may follow "**". */
function checkGlobs(segments: readonly Segment[]): void {
  let isAfterText = false;
  for (const part of segments.flatMap(({ parts }) => parts)) {
    if (typeof part === "string") continue;
    if (isAfterText) {
      throw new TemplateFault(
        part === implicitGlob ? "Implicit variable path glob after text glob." : "Glob after text glob.",
      );
    }
    isAfterText = part === textGlob;
  }
}

function regexOf({ name, parts, before, after }: Segment): string {
  const inner = parts.map((part) => (typeof part === "string" ? escaped(part) : part.regex)).join("/");
  return name === null ? inner : `${escaped(before)}(${inner})${escaped(after)}`;
}

/** A "*" inside a literal is left as it is: in Envoy it repeats what stands before it. */
function escaped(literal: string): string {
  return literal.replace(/[$().+]/g, "\\$&");
}

function isLiteral(text: string): boolean {
  return /^[a-zA-Z0-9\-._~%!$&'()+,;:@=*]+$/.test(text);
}

function isVariableName(text: string): boolean {
  return /^[a-zA-Z][a-zA-Z0-9_]*$/.test(text);
}

/** RFC 3986 pchar, as a regex set has it. */
const pathCharacters = "a-zA-Z0-9._~%!$&'()+,;:@=*\\-";
const pathGlob: Glob = { regex: `[${pathCharacters}]+` };
const textGlob: Glob = { regex: `[${pathCharacters}/]*` };
/** Of a variable without "=": as "*". */
const implicitGlob: Glob = { regex: pathGlob.regex };
const maxVariables = 5;
const maxNameLength = 16;
