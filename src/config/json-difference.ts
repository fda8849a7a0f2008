/** A place where two values of JSON differ. */
export interface Difference {
  /** Field path in the newer one; in the older one where it went. */
  path: string;
  /** undefined: it was not there. */
  before: unknown;
  /** undefined: it is not there any more. */
  after: unknown;
}

/**
 * Where two values differ, in the order of their fields. What lists have alike at both ends is not compared, so that an element put in is one
 * difference and not all that follow it.
 */
export function differences(before: unknown, after: unknown, path = ""): Difference[] {
  if (Array.isArray(before) && Array.isArray(after)) return inLists(before, after, path);
  if (!isMap(before) || !isMap(after)) return isSame(before, after) ? [] : [{ path, before, after }];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => differences(before[name], after[name], join(path, name)));
}

function inLists(before: readonly unknown[], after: readonly unknown[], path: string): Difference[] {
  const shorter = Math.min(before.length, after.length);
  let front = 0;
  while (front < shorter && isSame(before[front], after[front])) front++;
  let back = 0;
  while (back < shorter - front && isSame(before.at(-1 - back), after.at(-1 - back))) back++;
  const old = before.slice(front, before.length - back);
  const now = after.slice(front, after.length - back);
  const fromFront = inPairs(old, now, 0, path, front);
  if (old.length === now.length) return fromFront;
  // Where elements came or went, those that are more alike are one another's versions.
  const fromBack = inPairs(old, now, now.length - old.length, path, front);
  return sizeOf(fromBack) < sizeOf(fromFront) ? fromBack : fromFront;
}

/** An element is compared with that `shift` places on in the newer list. `front`: index of the first. */
function inPairs(
  before: readonly unknown[],
  after: readonly unknown[],
  shift: number,
  path: string,
  front: number,
): Difference[] {
  const found: Difference[] = [];
  for (let i = Math.min(0, shift); i < Math.max(after.length, before.length + shift); i++) {
    const place = i < 0 || i >= after.length ? i - shift : i;
    found.push(...differences(before[i - shift], after[i], `${path}[${front + place}]`));
  }
  return found;
}

function sizeOf(list: readonly Difference[]): number {
  return JSON.stringify(list).length;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

function join(path: string, name: string): string {
  const step = /^[\w@]+$/.test(name) ? name : `["${name}"]`;
  return path === "" || step.startsWith("[") ? path + step : `${path}.${step}`;
}
