/** Work that can be left off at each yield, so that requests are served in between. */
export type Slices<T> = Generator<undefined, T, undefined>;

/** Does all of it at once. */
export function finish<T>(work: Slices<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}
