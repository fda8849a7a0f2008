/** What is proven of a pattern that V8 may run in RE2's place, on ASCII input. */
export interface Analysis {
  /** The pattern in JavaScript's syntax. */
  pattern: string;
  /** Matching the whole of n characters takes in the order of n to this power, 1 at least. */
  degree: number;
  /** Every match begins with it. */
  literalPrefix: string;
}

/**
 * Reads the part of RE2's syntax that means the same in JavaScript and bounds its backtracking: literals, sets,
 * groups, alternation, repetition. Null: not understood or not bounded, which is no fault of the pattern.
 * A repetition whose set shares nothing with what may follow is left in one way only; the others multiply the cost.
 */
export function analyse(source: string): Analysis | null {
  const parser = new Parser(source);
  const root = parser.pattern();
  if (root === null) return null;
  const cost = new Cost();
  cost.visit(root, empty);
  if (cost.isUnbounded || cost.factor > maxFactor) return null;
  const degree = cost.overlaps === 0 || (cost.overlaps === 1 && cost.linear === 0) ? 1 : cost.overlaps + 1;
  return { pattern: root.js, degree, literalPrefix: literalPrefix(root) };
}

/** A set of ASCII characters: bit n is character n. */
type CharSet = bigint;

interface Node {
  kind: "set" | "sequence" | "alternation" | "repeat" | "assertion";
  js: string;
  /** Of a set itself, else what a match may begin with. */
  first: CharSet;
  nullable: boolean;
  children: readonly Node[];
  min: number;
  max: number;
  captures: boolean;
}

class Cost {
  overlaps = 0;
  linear = 0;
  /** Ways to choose among alternatives, multiplied. */
  factor = 1;
  isUnbounded = false;

  /** `follow`: what may come after the node. */
  visit(node: Node, follow: CharSet): void {
    switch (node.kind) {
      case "set":
      case "assertion":
        return;
      case "sequence": {
        let after = follow;
        for (let i = node.children.length - 1; i >= 0; i--) {
          const child = node.children[i] as Node;
          this.visit(child, after);
          after = child.nullable ? child.first | after : child.first;
        }
        return;
      }
      case "alternation": {
        let seen = empty;
        let isAmbiguous = false;
        for (const child of node.children) {
          const begins = child.nullable ? child.first | follow : child.first;
          if ((begins & seen) !== empty) isAmbiguous = true;
          seen |= begins;
          this.visit(child, follow);
        }
        if (isAmbiguous) this.factor *= node.children.length;
        return;
      }
      case "repeat":
        this.#visitRepeat(node, node.children[0] as Node, follow);
    }
  }

  #visitRepeat(node: Node, body: Node, follow: CharSet): void {
    const overlap = (body.first & follow) !== empty;
    if (body.kind === "set") {
      if (node.max - node.min > maxBounded) {
        if (overlap) this.overlaps++;
        else this.linear++;
      } else if (overlap) this.factor *= node.max - node.min + 1;
      return;
    }
    if (node.min === 0 && node.max === 1) {
      if (overlap || body.nullable) this.factor *= 2;
      this.visit(body, follow);
      return;
    }
    // A repeated group must be plain: one way to match it, and one way to leave it.
    const inner = new Cost();
    inner.visit(body, body.first | follow);
    const isPlain = inner.overlaps === 0 && inner.linear === 0 && inner.factor === 1 && !inner.isUnbounded;
    if (!isPlain || overlap || body.nullable || body.captures || node.min > maxBounded) this.isUnbounded = true;
    else this.linear++;
  }
}

class Parser {
  readonly #source: string;
  #at = 0;
  #fold = false;
  #failed = false;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  pattern(): Node | null {
    if (this.#source.startsWith("(?i)")) {
      this.#fold = true;
      this.#at = 4;
    }
    const node = this.#alternation();
    return this.#failed || this.#at < this.#source.length ? null : node;
  }

  #alternation(): Node {
    const branches = [this.#sequence()];
    while (this.#take("|")) branches.push(this.#sequence());
    if (branches.length === 1) return branches[0] as Node;
    return compound("alternation", branches, branches.map((b) => b.js).join("|"));
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#source.length && !this.#failed) {
      const c = this.#source[this.#at] as string;
      if (c === "|" || c === ")") break;
      parts.push(this.#repeated());
    }
    return compound("sequence", parts, parts.map((p) => p.js).join(""));
  }

  #repeated(): Node {
    const atom = this.#atom();
    const rest = this.#source.slice(this.#at);
    const found = /^(?:[*+?]|\{(\d{1,4})(,?)(\d{0,4})\})(\??)/.exec(rest);
    if (found === null) {
      if (rest.startsWith("{")) this.#failed = true; // RE2 reads it as a literal.
      return atom;
    }
    const op = found[0][0];
    this.#at += found[0].length;
    if (atom.kind === "assertion" || /^[*+?{]/.test(this.#source.slice(this.#at))) this.#failed = true;
    const min = op === "{" ? Number(found[1]) : op === "+" ? 1 : 0;
    const max =
      op === "?" ? 1 : op !== "{" ? Infinity : found[2] === "" ? min : found[3] === "" ? Infinity : Number(found[3]);
    return {
      kind: "repeat",
      js: atom.js + found[0],
      first: atom.first,
      nullable: min === 0 || atom.nullable,
      children: [atom],
      min,
      max,
      captures: atom.captures,
    };
  }

  #atom(): Node {
    const c = this.#source[this.#at++] as string;
    switch (c) {
      case "(":
        return this.#group();
      case "[":
        return set(this.#folded(this.#class()));
      case ".":
        return set(all & ~bit(10));
      case "^":
      case "$":
        return { ...compound("sequence", [], c), kind: "assertion" };
      case "\\":
        return set(this.#folded(this.#escape()));
      case "*":
      case "+":
      case "?":
      case "{":
        this.#failed = true;
        return set(empty);
      default:
        return set(this.#folded(this.#literal(c)));
    }
  }

  #group(): Node {
    let open = "(";
    const rest = this.#source.slice(this.#at);
    const name = /^\?P?<[A-Za-z_]\w*>/.exec(rest);
    if (rest.startsWith("?:")) {
      open = "(?:";
      this.#at += 2;
    } else if (name !== null) this.#at += name[0].length;
    else if (rest.startsWith("?")) this.#failed = true;
    if (++this.#depth > maxDepth) this.#failed = true;
    const body = this.#failed ? set(empty) : this.#alternation();
    this.#depth--;
    if (!this.#take(")")) this.#failed = true;
    return {
      ...body,
      kind: body.kind === "set" ? "sequence" : body.kind,
      js: `${open}${body.js})`,
      captures: open === "(" || body.captures,
    };
  }

  #class(): CharSet {
    const negated = this.#take("^");
    let result = empty;
    let isFirst = true;
    while (!this.#failed) {
      const c = this.#source[this.#at++];
      if (c === undefined || c === "[") {
        this.#failed = true; // Unclosed, or a [:name:].
        break;
      }
      if (c === "]" && !isFirst) break;
      isFirst = false;
      const low = c === "\\" ? this.#escape() : this.#literal(c);
      if (this.#source[this.#at] === "-" && this.#source[this.#at + 1] !== "]") {
        this.#at++;
        const end = this.#source[this.#at++] ?? "";
        const high = end === "\\" ? this.#escape() : this.#literal(end);
        result |= this.#range(low, high);
      } else result |= low;
    }
    if (this.#fold) result = this.#folded(result);
    return negated ? all & ~result : result;
  }

  #range(low: CharSet, high: CharSet): CharSet {
    const from = onlyChar(low);
    const to = onlyChar(high);
    if (from < 0 || to < from) this.#failed = true;
    let result = empty;
    for (let c = from; c <= to && !this.#failed; c++) result |= bit(c);
    return result;
  }

  #escape(): CharSet {
    const c = this.#source[this.#at++] ?? "";
    const known = escapes[c];
    if (known !== undefined) return known;
    if (c === "" || /[A-Za-z0-9_]/.test(c)) this.#failed = true;
    return this.#literal(c);
  }

  #literal(c: string): CharSet {
    const code = c.charCodeAt(0);
    if (code < 128) return bit(code);
    this.#failed = true;
    return empty;
  }

  #folded(chars: CharSet): CharSet {
    if (!this.#fold) return chars;
    const upper = chars & letters;
    const lower = chars & (letters << 32n);
    return chars | (upper << 32n) | (lower >> 32n);
  }

  #take(c: string): boolean {
    if (this.#source[this.#at] !== c) return false;
    this.#at++;
    return true;
  }
}

function compound(kind: "sequence" | "alternation", children: readonly Node[], js: string): Node {
  let first = empty;
  let nullable = kind === "sequence";
  for (const child of children) {
    if (kind === "alternation") {
      first |= child.first;
      nullable ||= child.nullable;
    } else if (nullable) {
      first |= child.first;
      nullable = child.nullable;
    }
  }
  return { kind, js, first, nullable, children, min: 1, max: 1, captures: children.some((child) => child.captures) };
}

function set(chars: CharSet): Node {
  return {
    kind: "set",
    js: classOf(chars),
    first: chars,
    nullable: false,
    children: [],
    min: 1,
    max: 1,
    captures: false,
  };
}

/** The set as a JavaScript class over ASCII. */
function classOf(chars: CharSet): string {
  const only = onlyChar(chars);
  if (only >= 0) return hex(only);
  let ranges = "";
  for (let c = 0; c < 128; c++) {
    if ((chars & bit(c)) === empty) continue;
    const from = c;
    while (c < 127 && (chars & bit(c + 1)) !== empty) c++;
    ranges += from === c ? hex(c) : `${hex(from)}-${hex(c)}`;
  }
  return `[${ranges}]`;
}

function literalPrefix(root: Node): string {
  if (root.kind !== "sequence") return "";
  let prefix = "";
  for (const child of root.children) {
    if (child.kind === "assertion" && child.js === "^" && prefix === "") continue;
    const only = child.kind === "set" ? onlyChar(child.first) : -1;
    if (only < 0) break;
    prefix += String.fromCharCode(only);
  }
  return prefix;
}

function onlyChar(chars: CharSet): number {
  if (chars === empty || (chars & (chars - 1n)) !== empty) return -1;
  return chars.toString(2).length - 1;
}

function hex(code: number): string {
  return `\\x${code.toString(16).padStart(2, "0")}`;
}

function bit(code: number): CharSet {
  return 1n << BigInt(code);
}

function setOf(chars: string): CharSet {
  let result = 0n;
  for (const c of chars) result |= bit(c.charCodeAt(0));
  return result;
}

const empty = 0n;
const all = (1n << 128n) - 1n;
const maxFactor = 64;
const maxDepth = 50;
/** A repetition of fewer is counted by its choices, one of more as unbounded. */
const maxBounded = 16;
const letters = setOf("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
const digits = setOf("0123456789");
const wordChars = letters | (letters << 32n) | digits | setOf("_");
const spaces = setOf("\t\n\f\r "); // RE2's \s has no \v.
const escapes: Record<string, CharSet> = {
  d: digits,
  D: all & ~digits,
  w: wordChars,
  W: all & ~wordChars,
  s: spaces,
  S: all & ~spaces,
  n: bit(10),
  t: bit(9),
  r: bit(13),
  f: bit(12),
  v: bit(11),
  a: bit(7),
};
