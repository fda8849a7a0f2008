import { type Position, type SourceEntry, type SourceNode, SourceSyntaxError } from "./source.ts";

/**
 * Reads JSON with the place of every value. As lenient as Envoy's parser: strings in single quotes and a comma before a
 * closing bracket are taken, comments are not. The last of two equal keys wins. Throws SourceSyntaxError.
 */
export function parseJson(text: string): SourceNode {
  const reader = new JsonReader(text);
  const root = reader.value();
  reader.end();
  return root;
}

class JsonReader {
  readonly #text: string;
  #pos = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.#text = text.startsWith("\ufeff") ? text.slice(1) : text;
  }

  value(): SourceNode {
    this.#skipSpace();
    const at = this.#at();
    switch (this.#text[this.#pos]) {
      case "{":
        return { kind: "map", entries: this.#entries(), at };
      case "[":
        return { kind: "list", items: this.#items(), at };
      case '"':
      case "'":
        return { kind: "scalar", value: this.#string(), at };
      default:
        return { kind: "scalar", value: this.#word(at), at };
    }
  }

  end(): void {
    this.#skipSpace();
    if (this.#pos < this.#text.length) this.#fail("unexpected text after the end of the JSON value");
  }

  #entries(): Map<string, SourceEntry> {
    const entries = new Map<string, SourceEntry>();
    this.#pos++;
    for (;;) {
      this.#skipSpace();
      if (this.#take("}")) return entries;
      const keyAt = this.#at();
      const quote = this.#text[this.#pos];
      if (quote !== '"' && quote !== "'") this.#fail('expected a quoted key or "}"');
      const key = this.#string();
      this.#skipSpace();
      if (!this.#take(":")) this.#fail('expected ":"');
      entries.set(key, { keyAt, value: this.value() });
      this.#skipSpace();
      if (!this.#take(",") && this.#text[this.#pos] !== "}") this.#fail('expected "," or "}"');
    }
  }

  #items(): SourceNode[] {
    const items: SourceNode[] = [];
    this.#pos++;
    for (;;) {
      this.#skipSpace();
      if (this.#take("]")) return items;
      items.push(this.value());
      this.#skipSpace();
      if (!this.#take(",") && this.#text[this.#pos] !== "]") this.#fail('expected "," or "]"');
    }
  }

  #string(): string {
    const quote = this.#text[this.#pos++];
    let out = "";
    for (;;) {
      const char = this.#text[this.#pos];
      if (char === undefined || char === "\n") this.#fail("the string does not end");
      this.#pos++;
      if (char === quote) return out;
      out += char === "\\" ? this.#escape() : char;
    }
  }

  #escape(): string {
    const char = this.#text[this.#pos++];
    if (char === "u") {
      const hex = this.#text.slice(this.#pos, this.#pos + 4);
      if (!/^[0-9a-fA-F]{4}$/.test(hex)) this.#fail("expected four hexadecimal digits");
      this.#pos += 4;
      return String.fromCharCode(Number.parseInt(hex, 16));
    }
    const plain = escapes[char];
    if (plain === undefined) this.#fail(`"\\${char ?? ""}" is not an escape of JSON`);
    return plain;
  }

  #word(at: Position): number | string | boolean | null {
    const [word] = /^[-+.\w]*/.exec(this.#text.slice(this.#pos, this.#pos + 400)) ?? [""];
    if (word === "") this.#fail(this.#pos >= this.#text.length ? "the text ends too early" : "expected a value");
    this.#pos += word.length;
    if (word in words) return words[word];
    if (!number.test(word)) throw new SourceSyntaxError(`"${word}" is not a JSON value`, at);
    // A double would round it; the integer types of proto read text as well.
    return /^-?\d{16,}$/.test(word) ? word : Number(word);
  }

  #take(char: string): boolean {
    if (this.#text[this.#pos] !== char) return false;
    this.#pos++;
    return true;
  }

  #skipSpace(): void {
    for (;;) {
      const char = this.#text[this.#pos];
      if (char === "\n") {
        this.#line++;
        this.#lineStart = this.#pos + 1;
      } else if (char !== " " && char !== "\t" && char !== "\r") return;
      this.#pos++;
    }
  }

  #at(): Position {
    return { line: this.#line, column: this.#pos - this.#lineStart + 1 };
  }

  #fail(message: string): never {
    throw new SourceSyntaxError(message, this.#at());
  }
}

const escapes: Record<string, string> = {
  '"': '"',
  "'": "'",
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const words: Record<string, boolean | null> = { true: true, false: false, null: null };
const number = /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/;
