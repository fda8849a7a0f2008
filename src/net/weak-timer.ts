/** Calls `action` after `ms`, if anything else still has `object` by then: the timer keeps neither it nor the process alive. */
export function laterIfAlive<T extends object>(object: T, ms: number, action: (object: T) => void): void {
  const ref = new WeakRef(object);
  setTimeout(
    () => {
      const alive = ref.deref();
      if (alive !== undefined) action(alive);
    },
    Math.min(ms, maxTimerMs),
  ).unref();
}

/** What setTimeout takes; beyond it is at once. */
const maxTimerMs = 2 ** 31 - 1;
