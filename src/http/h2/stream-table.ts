import type { Http2Stream } from "./stream-state.ts";

/**
 * The open streams of a connection by id. Ids go up by two and those that are open stand close together, so that a few of their bits name a
 * place of its own for nearly all (bench http2-to-http2: a Map costs six times as much); the others are in a Map.
 */
export class StreamTable {
  size = 0;
  /** By (id >> 1) modulo its length, a power of two. */
  #places: (Http2Stream | null)[] = new Array(firstPlaces).fill(null);
  readonly #others = new Map<number, Http2Stream>();

  /** null when there is none. */
  get(id: number): Http2Stream | null {
    const stream = this.#places[(id >>> 1) & (this.#places.length - 1)] as Http2Stream | null;
    if (stream !== null && stream.id === id) return stream;
    return this.#others.size === 0 ? null : (this.#others.get(id) ?? null);
  }

  /** Its id is that of no other. */
  add(stream: Http2Stream): void {
    this.size++;
    let place = this.#placeOf(stream);
    // Two that share a place do not in a table that is large enough; what is far apart is not worth one.
    while (this.#places[place] !== null && this.#places.length < this.size * 4) {
      this.#grow();
      place = this.#placeOf(stream);
    }
    if (this.#places[place] === null) this.#places[place] = stream;
    else this.#others.set(stream.id, stream);
  }

  /** False when it was not there. */
  remove(stream: Http2Stream): boolean {
    const place = this.#placeOf(stream);
    if (this.#places[place] === stream) this.#places[place] = null;
    else if (this.#others.get(stream.id) === stream) this.#others.delete(stream.id);
    else return false;
    this.size--;
    return true;
  }

  clear(): void {
    this.size = 0;
    this.#places.fill(null);
    this.#others.clear();
  }

  /** By rising id, as they are now. */
  all(): Http2Stream[] {
    const list = [...this.#others.values()];
    for (const stream of this.#places) if (stream !== null) list.push(stream);
    return list.sort((a, b) => a.id - b.id);
  }

  #placeOf(stream: Http2Stream): number {
    return (stream.id >>> 1) & (this.#places.length - 1);
  }

  /** Those of one place may go to two, those of two never to one. */
  #grow(): void {
    const before = this.#places;
    this.#places = new Array(before.length * 2).fill(null);
    for (const stream of before) if (stream !== null) this.#places[this.#placeOf(stream)] = stream;
  }
}

const firstPlaces = 16;
