/**
 * Log-linear bins with two significant digits, those of circllhist, which Envoy uses: 1, 1.1 .. 9.9, 10, 11 .. 99, 100,
 * 110 and so on; every decade has 90 bins. Samples are whole numbers, 0 has its own count.
 */
export const binsPerDecade = 90;

/** Decades kept: 1 to just under 10^16. */
export const decades = 16;

/** Bin of a whole number >= 1: decade * 90 + the two leading digits - 10. */
export function binOf(value: number): number {
  if (value < smallBins.length) return smallBins[value] as number;
  return computeBin(value);
}

function binStart(bin: number): number {
  return binStarts[bin] as number;
}

/** Bins of one histogram, read on the main thread. Index 0 is the count of zeros, bin b is at 1 + b. */
export class HistogramBins {
  readonly counts = new Float64Array(1 + decades * binsPerDecade);

  /** The samples of `this` that `earlier` has not. */
  since(earlier: HistogramBins): HistogramBins {
    const difference = new HistogramBins();
    for (let i = 0; i < this.counts.length; i++) {
      difference.counts[i] = Math.max(0, (this.counts[i] as number) - (earlier.counts[i] as number));
    }
    return difference;
  }

  get total(): number {
    let total = 0;
    for (const count of this.counts) total += count;
    return total;
  }

  /** hist_approx_sum: every sample is taken to be at the middle of its bin, in circllhist's harmonic sense. */
  get sum(): number {
    let sum = 0;
    for (let i = 1; i < this.counts.length; i++) {
      const count = this.counts[i] as number;
      if (count === 0) continue;
      const start = binStart(i - 1);
      const width = binWidth(i - 1);
      sum += (start + width * (start / (start + start + width))) * count;
    }
    return sum;
  }

  /** hist_approx_quantile for each of `quantiles` (0 to 1, ascending); NaN without samples. n samples of a bin lie at k/(n+1). */
  quantiles(quantiles: readonly number[]): number[] {
    const total = this.total;
    if (total === 0) return quantiles.map(() => Number.NaN);
    let at = -1;
    let before = 0;
    let through = 0;
    return quantiles.map((quantile) => {
      const rank = Math.max(1, Math.ceil(quantile * total));
      while (through < rank && at < this.counts.length - 1) {
        before = through;
        through += this.counts[++at] as number;
      }
      if (at === 0) return 0;
      return binStart(at - 1) + (binWidth(at - 1) * (rank - before)) / (through - before + 1);
    });
  }

  /** Samples of the bins that start at or below each limit (ascending), as Envoy's buckets count. */
  countsBelow(limits: readonly number[]): number[] {
    let at = 1;
    let running = this.counts[0] as number;
    return limits.map((limit) => {
      while (at < this.counts.length && binStart(at - 1) <= limit) running += this.counts[at++] as number;
      return running;
    });
  }

  /** Bins in use, for histogram_buckets=detailed. */
  detail(): { lower: number; width: number; count: number }[] {
    const list: { lower: number; width: number; count: number }[] = [];
    for (let i = 0; i < this.counts.length; i++) {
      const count = this.counts[i] as number;
      if (count > 0) list.push({ lower: i === 0 ? 0 : binStart(i - 1), width: i === 0 ? 0 : binWidth(i - 1), count });
    }
    return list;
  }
}

function binWidth(bin: number): number {
  return binWidths[bin] as number;
}

function computeBin(value: number): number {
  let digits = value;
  let decade = 0;
  while (digits >= 100) {
    digits = Math.floor(digits / 10);
    decade++;
  }
  if (value < 10) return value * 10 - 10;
  decade++;
  return decade < decades ? decade * binsPerDecade + digits - 10 : decades * binsPerDecade - 1;
}

const binStarts = new Float64Array(decades * binsPerDecade);
const binWidths = new Float64Array(decades * binsPerDecade);
for (let bin = 0; bin < binStarts.length; bin++) {
  const decade = Math.floor(bin / binsPerDecade);
  const digits = (bin % binsPerDecade) + 10;
  binStarts[bin] = decade === 0 ? digits / 10 : digits * 10 ** (decade - 1);
  binWidths[bin] = decade === 0 ? 0.1 : 10 ** (decade - 1);
}

const smallBins = new Uint16Array(16_384);
for (let value = 1; value < smallBins.length; value++) smallBins[value] = computeBin(value);
