import { joinedFields, knownId, knownNames } from "./names.ts";

/**
 * The fields of one message in order, names in lower case. Repeats are kept but for the fields that are one (joinedFields). An entry whose name is "" was removed: skip it.
 * Iterate with `for (let i = 0; i < block.size; i++) if (block.names[i] !== "") ...`. Objects are reused: call reset().
 */
export class HeaderBlock {
  readonly names: string[] = [];
  readonly values: string[] = [];
  /** The ids of the names: Known.x, below 0 for others and for what was removed. */
  readonly ids: number[] = [];
  /** Entries in use, removed ones included. */
  size = 0;
  /** The names as the peer sent them, where preserve_case asks for it: null otherwise, no entry for a field added later. */
  rawNames: string[] | null = null;
  /** Known.x to the entry where it first stands, -1 when absent. */
  readonly #first = new Int16Array(knownNames.length).fill(-1);
  /** By id, 1 for the known fields that stand once. */
  protected readonly joins: Uint8Array = joinedFields.none;

  reset(): void {
    for (let i = 0; i < this.size; i++) {
      this.names[i] = "";
      this.values[i] = "";
      const id = this.ids[i] as number;
      if (id >= 0) this.#first[id] = -1;
    }
    this.size = 0;
    if (this.rawNames !== null) this.rawNames.length = 0;
  }

  /** Called in front of append with the name as the peer sent it. */
  keepCase(rawName: string): void {
    if (this.rawNames === null) this.rawNames = [];
    this.rawNames[this.size] = rawName;
  }

  /** The first value of a known field (`Known["x-request-id"]`), null when absent. */
  get(id: number): string | null {
    const at = this.#first[id] as number;
    return at < 0 ? null : (this.values[at] as string);
  }

  has(id: number): boolean {
    return (this.#first[id] as number) >= 0;
  }

  /** The first value of a field by its lower-case name, null when absent. Subclasses add the pseudo-fields (":path"). */
  find(name: string): string | null {
    const id = knownId(name);
    if (id >= 0) return this.get(id);
    for (let i = 0; i < this.size; i++) if (this.names[i] === name) return this.values[i] as string;
    return null;
  }

  /** All values of a field joined with "," as Envoy's matchers and operators see them; null when absent. */
  joined(name: string): string | null {
    let result: string | null = null;
    for (let i = 0; i < this.size; i++) {
      if (this.names[i] === name) result = result === null ? (this.values[i] as string) : `${result},${this.values[i]}`;
    }
    return result;
  }

  /** Adds a field behind the others, or to the one that is there. `id` is knownId(name), which a parser may have at hand. */
  append(name: string, value: string, id: number = knownId(name)): void {
    if (id >= 0) {
      if ((this.#first[id] as number) < 0) this.#first[id] = this.size;
      else if (this.joins[id] === 1) {
        this.#join(this.#first[id] as number, value);
        return;
      }
    }
    const at = this.size++;
    this.names[at] = name;
    this.values[at] = value;
    this.ids[at] = id;
  }

  /** Replaces the first occurrence in place and drops the others; appends when absent. */
  set(name: string, value: string, id: number = knownId(name)): void {
    let at = id >= 0 ? (this.#first[id] as number) : this.#indexOf(name, id, 0);
    if (at < 0) {
      this.append(name, value, id);
      return;
    }
    this.values[at] = value;
    at = this.#indexOf(name, id, at + 1);
    while (at >= 0) {
      this.#drop(at);
      at = this.#indexOf(name, id, at + 1);
    }
  }

  /** Removes every field of that name; true when there was one. */
  remove(name: string, id: number = knownId(name)): boolean {
    let at = id >= 0 ? (this.#first[id] as number) : this.#indexOf(name, id, 0);
    if (at < 0) return false;
    if (id >= 0) this.#first[id] = -1;
    while (at >= 0) {
      this.#drop(at);
      at = this.#indexOf(name, id, at + 1);
    }
    return true;
  }

  /** The sum of name and value lengths: what Envoy counts as the byte size of a header map. */
  byteSize(): number {
    let sum = 0;
    for (let i = 0; i < this.size; i++) sum += (this.names[i] as string).length + (this.values[i] as string).length;
    return sum;
  }

  /** Envoy: HeaderMapImpl::appendToHeader. */
  #join(at: number, value: string): void {
    // What keepCase said is of no field.
    if (this.rawNames !== null && this.rawNames.length > this.size) this.rawNames.length = this.size;
    const before = this.values[at] as string;
    if (value !== "") this.values[at] = before === "" ? value : `${before},${value}`;
  }

  #indexOf(name: string, id: number, from: number): number {
    if (id >= 0) {
      for (let i = from; i < this.size; i++) if (this.ids[i] === id) return i;
    } else for (let i = from; i < this.size; i++) if (this.names[i] === name) return i;
    return -1;
  }

  #drop(at: number): void {
    this.names[at] = "";
    this.values[at] = "";
    this.ids[at] = -1;
  }
}

/** A request's head. `authority` is Host or :authority; "host" is never in the list itself. */
export class RequestHead extends HeaderBlock {
  protected override readonly joins: Uint8Array = joinedFields.request;
  method = "";
  /** The request target as Envoy's :path: origin form with the query. "" for CONNECT. */
  path = "";
  authority = "";
  /** "http" or "https". "" until the connection manager sets it. */
  scheme = "";
  /** :protocol of an extended CONNECT (RFC 8441); an HTTP/1 upgrade keeps its Upgrade field instead. */
  protocol = "";
  /** How Host is written; "host" unless preserve_case saw another. */
  hostName = "host";

  override reset(): void {
    super.reset();
    this.method = "";
    this.path = "";
    this.authority = "";
    this.scheme = "";
    this.protocol = "";
    this.hostName = "host";
  }

  override find(name: string): string | null {
    if (name.charCodeAt(0) !== 58) return name === "host" ? this.authority || null : super.find(name);
    switch (name) {
      case ":method":
        return this.method || null;
      case ":path":
        return this.path || null;
      case ":authority":
        return this.authority || null;
      case ":scheme":
        return this.scheme || null;
      case ":protocol":
        return this.protocol || null;
      default:
        return null;
    }
  }

  override joined(name: string): string | null {
    return name.charCodeAt(0) === 58 || name === "host" ? this.find(name) : super.joined(name);
  }

  override byteSize(): number {
    let sum = super.byteSize();
    for (const name of pseudoFields) {
      const value = this.find(name);
      if (value !== null) sum += name.length + value.length;
    }
    return sum;
  }
}

/** Of a request, in the order that Envoy has them. */
export const pseudoFields: readonly string[] = [":authority", ":path", ":method", ":scheme", ":protocol"];

/** A response's head. */
export class ResponseHead extends HeaderBlock {
  protected override readonly joins: Uint8Array = joinedFields.response;
  status = 0;

  override reset(): void {
    super.reset();
    this.status = 0;
  }

  override find(name: string): string | null {
    return name === ":status" ? String(this.status) : super.find(name);
  }

  override joined(name: string): string | null {
    return name === ":status" ? String(this.status) : super.joined(name);
  }

  override byteSize(): number {
    return super.byteSize() + ":status".length + String(this.status).length;
  }
}
