/** An unsigned 64-bit number in two halves, changed in place: hashes of the hot path make no BigInt. Wraps around as in C. */
export class Word64 {
  /** Bits 32 to 63, as a signed number. */
  high = 0;
  /** Bits 0 to 31, as a signed number. */
  low = 0;

  set(high: number, low: number): void {
    this.high = high | 0;
    this.low = low | 0;
  }

  copy(other: Word64): void {
    this.high = other.high;
    this.low = other.low;
  }

  add(high: number, low: number): void {
    const sum = (this.low >>> 0) + (low >>> 0);
    this.high = (this.high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
    this.low = sum | 0;
  }

  xor(high: number, low: number): void {
    this.high ^= high;
    this.low ^= low;
  }

  multiply(high: number, low: number): void {
    const own = this.low;
    const a0 = own & 0xffff;
    const a1 = own >>> 16;
    const b0 = low & 0xffff;
    const b1 = low >>> 16;
    const middle = a1 * b0 + ((a0 * b0) >>> 16);
    const rest = a0 * b1 + (middle & 0xffff);
    const carry = a1 * b1 + (middle >>> 16) + (rest >>> 16);
    this.high = (carry + Math.imul(this.high, low) + Math.imul(own, high)) | 0;
    this.low = Math.imul(own, low);
  }

  /** `bits`: 1 to 31. */
  rotateLeft(bits: number): void {
    const { high, low } = this;
    this.high = (high << bits) | (low >>> (32 - bits));
    this.low = (low << bits) | (high >>> (32 - bits));
  }

  /** this ^= this >> bits, for 1 to 63. */
  xorShiftRight(bits: number): void {
    const { high, low } = this;
    if (bits >= 32) {
      this.low = low ^ (bits === 32 ? high : high >>> (bits - 32));
      return;
    }
    this.low = low ^ ((low >>> bits) | (high << (32 - bits)));
    this.high = high ^ (high >>> bits);
  }

  /** Less than 0, 0 or more than 0, as this is less, equal or more. */
  compare(high: number, low: number): number {
    return this.high === high ? (this.low >>> 0) - (low >>> 0) : (this.high >>> 0) - (high >>> 0);
  }

  /** The remainder by `divisor`, an integer from 1 to 2^32. */
  modulo(divisor: number): number {
    const upper = (this.high >>> 0) % divisor;
    const middle = (upper * 0x10000 + (this.low >>> 16)) % divisor;
    return (middle * 0x10000 + (this.low & 0xffff)) % divisor;
  }
}
