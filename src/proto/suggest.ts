/**
 * The candidate nearest to what was written, or null where none is near enough to be what was meant. One typing error
 * in three letters is the limit, so that `foo` does not become `bar`. Where none is near, the only one that begins with its
 * words, or has them: `port` means `port_value`.
 */
export function suggest(written: string, candidates: Iterable<string>): string | null {
  const wanted = written.toLowerCase();
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(written.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best ?? withWords(wanted, candidates);
}

function withWords(wanted: string, candidates: Iterable<string>): string | null {
  if (wanted === "") return null;
  const found = [...candidates].filter((candidate) => `_${candidate.toLowerCase()}_`.includes(`_${wanted}_`));
  const first = found.filter((candidate) => candidate.toLowerCase().startsWith(wanted));
  if (first.length === 1) return first[0] ?? null;
  return found.length === 1 ? (found[0] ?? null) : null;
}

/** Insertions, deletions, changes and swaps of neighbours that make one string the other (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a.charCodeAt(i - 1) === b.charCodeAt(j - 1);
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
      if (
        i > 1 &&
        j > 1 &&
        a.charCodeAt(i - 1) === b.charCodeAt(j - 2) &&
        a.charCodeAt(i - 2) === b.charCodeAt(j - 1)
      ) {
        row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
      }
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length];
}
