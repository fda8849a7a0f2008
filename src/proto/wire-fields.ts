/**
 * Walks the fields of a message as they stand in its bytes, without reading them (protobuf's wire format).
 *
 *     for (fields.enter(bytes, 0, bytes.length); fields.next(); ) fields.number;
 */
export class WireFields {
  number = 0;
  /** Of the field with its tag. */
  fieldStart = 0;
  /** Where a string, message or list of bytes begins; -1 for other kinds. */
  start = 0;
  end = 0;
  #bytes: Uint8Array = none;
  #limit = 0;

  enter(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.end = start;
    this.#limit = end;
  }

  /** False at the end. Throws on what is not the wire format, and on groups. */
  next(): boolean {
    this.fieldStart = this.end;
    if (this.end >= this.#limit) return false;
    const tag = this.#varint();
    this.number = tag >>> 3;
    this.start = -1;
    switch (tag & 7) {
      case 0:
        this.#varint();
        break;
      case 1:
        this.end += 8;
        break;
      case 2: {
        const length = this.#varint();
        this.start = this.end;
        this.end += length;
        break;
      }
      case 5:
        this.end += 4;
        break;
      default:
        throw new RangeError("not a field that can be walked over");
    }
    if (this.end > this.#limit || this.number === 0) throw new RangeError("a field does not end");
    return true;
  }

  /** The low 32 bits. */
  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.end++] as number;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new RangeError("a number does not end");
  }
}

const none = new Uint8Array();
