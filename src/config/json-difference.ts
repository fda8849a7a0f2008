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
  const found: Difference[] = [];
  for (let i = front; i < Math.max(before.length, after.length) - back; i++) {
    const old = i < before.length - back ? before[i] : undefined;
    const now = i < after.length - back ? after[i] : undefined;
    found.push(...differences(old, now, `${path}[${i}]`));
  }
  return found;
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
