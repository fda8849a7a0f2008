/**
 * The Huffman code of HPACK (RFC 7541 appendix B). It is canonical: codes of one length go up with the symbol, so that the
 * lengths say all. Decoding goes four bits a step through a table of 256 states, the inner nodes of the code's tree.
 */

/** Bytes that `text` takes when encoded. */
export function huffmanLength(text: string): number {
  let bits = 7;
  for (let i = 0; i < text.length; i++) bits += codeLengths[text.charCodeAt(i) & 255] as number;
  return bits >>> 3;
}

/**
 * Encodes `text` at `at`, padded with ones; answers the end, or `limit` when that is not below it. Up to `limit` there must be room, and for five
 * bytes more.
 */
export function huffmanEncode(text: string, bytes: Uint8Array, at: number, limit: number): number {
  let pending = 0;
  let pendingBits = 0;
  let out = at;
  for (let i = 0; i < text.length; i++) {
    if (out >= limit) return limit;
    const symbol = text.charCodeAt(i) & 255;
    let length = codeLengths[symbol] as number;
    let code = codes[symbol] as number;
    if (length > 16) {
      // In two parts, for 15 bits may be waiting and a shift holds 32.
      length -= 16;
      pending = (pending << length) | (code >>> 16);
      pendingBits += length;
      if (pendingBits >= 16) {
        bytes[out++] = pending >>> (pendingBits -= 8);
        bytes[out++] = pending >>> (pendingBits -= 8);
      }
      code &= 0xffff;
      length = 16;
    }
    pending = (pending << length) | code;
    pendingBits += length;
    if (pendingBits >= 16) {
      bytes[out++] = pending >>> (pendingBits -= 8);
      bytes[out++] = pending >>> (pendingBits -= 8);
    }
  }
  if (pendingBits >= 8) bytes[out++] = pending >>> (pendingBits -= 8);
  if (pendingBits > 0) bytes[out++] = (pending << (8 - pendingBits)) | (0xff >>> pendingBits);
  return Math.min(out, limit);
}

/**
 * Decodes bytes[from, to) to `out` at 0; answers the decoded length, -1 for a symbol EOS or bad padding, which are
 * COMPRESSION_ERROR (RFC 7541 section 5.2). `out` must hold (to - from) * 8 / 5 bytes.
 */
export function huffmanDecode(bytes: Uint8Array, from: number, to: number, out: Uint8Array): number {
  let state = 0;
  let length = 0;
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number;
    let step = steps[(state << 4) | (byte >>> 4)] as number;
    if (step >= emits) {
      if (step === fails) return -1;
      out[length++] = step >>> 8;
    }
    step = steps[((step & 255) << 4) | (byte & 15)] as number;
    if (step >= emits) {
      if (step === fails) return -1;
      out[length++] = step >>> 8;
    }
    state = step & 255;
  }
  return accepts[state] === 1 ? length : -1;
}

/** Symbols 0 to 255, then EOS. */
// biome-ignore format: sixteen a line
const codeLengths = Uint8Array.of(
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
);
const codes = new Uint32Array(257);
const eos = 256;

/** A step: the next state in the low byte, a symbol in the next one when `emits` is set. */
const steps = new Uint32Array(256 * 16);
const emits = 0x10000;
const fails = 0x20000;
/** 1 for the states in which a string may end: at most seven ones since the last symbol. */
const accepts = new Uint8Array(256);

function assignCodes(): void {
  let code = 0;
  for (let length = 5; length <= 30; length++) {
    for (let symbol = 0; symbol <= eos; symbol++) if (codeLengths[symbol] === length) codes[symbol] = code++;
    code <<= 1;
  }
}

/** A branch of the tree is an inner node's number, or 256 + symbol. */
function buildSteps(): void {
  const zero: number[] = [0];
  const one: number[] = [0];
  for (let symbol = 0; symbol <= eos; symbol++) {
    let node = 0;
    for (let bit = (codeLengths[symbol] as number) - 1; bit >= 0; bit--) {
      const branches = (((codes[symbol] as number) >>> bit) & 1) === 1 ? one : zero;
      if (bit === 0) branches[node] = 256 + symbol;
      else {
        if (branches[node] === 0) {
          branches[node] = zero.length;
          zero.push(0);
          one.push(0);
        }
        node = branches[node] as number;
      }
    }
  }
  for (let state = 0; state < 256; state++) {
    for (let nibble = 0; nibble < 16; nibble++) steps[(state << 4) | nibble] = stepOf(zero, one, state, nibble);
  }
  for (let ones = 0, node = 0; ones <= 7; ones++) {
    accepts[node] = 1;
    node = one[node] as number;
  }
}

function stepOf(zero: number[], one: number[], state: number, nibble: number): number {
  let node = state;
  let flags = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = (((nibble >>> bit) & 1) === 1 ? one : zero)[node] as number;
    if (next === 256 + eos) return fails;
    if (next >= 256) flags = emits | ((next - 256) << 8);
    node = next >= 256 ? 0 : next;
  }
  return flags | node;
}

assignCodes();
buildSteps();
