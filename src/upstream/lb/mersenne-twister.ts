/** MT19937 of C++'s <random> (std::mt19937, [rand.predef]): Envoy's order of other hosts is made with it. */
export class MersenneTwister {
  readonly #state = new Int32Array(size);
  #at = size;

  constructor(seed: number) {
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < size; i++) {
      const last = state[i - 1] as number;
      state[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i;
    }
  }

  /** 0 to 2^32 - 1. */
  next(): number {
    if (this.#at === size) this.#refill();
    let value = this.#state[this.#at++] as number;
    value ^= value >>> 11;
    value ^= (value << 7) & 0x9d2c5680;
    value ^= (value << 15) & 0xefc60000;
    value ^= value >>> 18;
    return value >>> 0;
  }

  /** 0 to limit - 1, equally likely. Envoy: uniform_int of BoundedLoadHashingLoadBalancer. */
  below(limit: number): number {
    const bucket = Math.floor(0x100000000 / limit);
    for (;;) {
      const value = Math.floor(this.next() / bucket);
      if (value < limit) return value;
    }
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < size; i++) {
      const mixed = ((state[i] as number) & 0x80000000) | ((state[(i + 1) % size] as number) & 0x7fffffff);
      const shifted = (mixed >>> 1) ^ ((mixed & 1) === 0 ? 0 : 0x9908b0df);
      state[i] = (state[(i + 397) % size] as number) ^ shifted;
    }
    this.#at = 0;
  }
}

const size = 624;
