/** The offset of the query or fragment, the path's length when there is neither. */
function pathEnd(target: string): number {
  for (let i = 0; i < target.length; i++) {
    const c = target.charCodeAt(i);
    if (c === 63 || c === 35) return i;
  }
  return target.length;
}

/** Without "#" and what follows it (Envoy strips it only when told to, else refuses the request). */
export function stripFragment(target: string): string {
  const at = target.indexOf("#");
  return at < 0 ? target : target.slice(0, at);
}

/**
 * RFC 3986 sections 6.2.2 and 5.2.4 as Envoy's normalize_path: "\" becomes "/", unreserved characters are decoded, the
 * other escapes stay, what must be escaped is, "..;x" is "..", dot segments go. The query stays. null: no valid path.
 */
export function normalizePath(target: string): string | null {
  if (target.charCodeAt(0) !== 47) return null;
  const end = pathEnd(target);
  if (isNormal(target, end)) return target;
  const decoded = decodeUnreserved(stripDotParameters(target.slice(0, end)));
  if (decoded === null) return null;
  const path = removeDotSegments(decoded);
  return end === target.length ? path : path + target.slice(end);
}

/** Runs of "/" in the path as one. Envoy does it behind normalize_path. */
export function mergeSlashes(target: string): string {
  const end = pathEnd(target);
  const first = target.indexOf("//");
  if (first < 0 || first >= end) return target;
  let result = "";
  let from = 0;
  for (let i = first + 1; i < end; i++) {
    if (target.charCodeAt(i) !== 47 || target.charCodeAt(i - 1) !== 47) continue;
    result += target.slice(from, i);
    from = i + 1;
  }
  return result + target.slice(from);
}

/** True when the path holds an escaped slash or backslash. */
export function hasEscapedSlash(target: string): boolean {
  const end = pathEnd(target);
  for (let i = target.indexOf("%"); i >= 0 && i < end; i = target.indexOf("%", i + 1)) {
    if (escapedSlash(target, i) !== "") return true;
  }
  return false;
}

/** Escaped slashes and backslashes of the path decoded, the rest as it was. */
export function unescapeSlashes(target: string): string {
  const end = pathEnd(target);
  let result = "";
  let from = 0;
  for (let i = target.indexOf("%"); i >= 0 && i < end; i = target.indexOf("%", i + 1)) {
    const slash = escapedSlash(target, i);
    if (slash === "") continue;
    result += target.slice(from, i) + slash;
    from = i + 3;
  }
  return result + target.slice(from);
}

/** True when normalizing would change nothing: most paths, in one look at each character. */
function isNormal(target: string, end: number): boolean {
  for (let i = 0; i < end; i++) {
    const c = target.charCodeAt(i);
    if (plainChars[c] === 1) {
      // A segment that begins with a dot may be a dot segment.
      if (c === 46 && target.charCodeAt(i - 1) === 47) return false;
    } else return false;
  }
  return true;
}

/** Envoy takes the parameters from "." and ".." segments as sent: "/..;a/" but not "/%2e%2e;a/". */
function stripDotParameters(path: string): string {
  let result = "";
  let from = 0;
  for (let i = path.indexOf("/."); i >= 0; i = path.indexOf("/.", i + 1)) {
    let at = i + 2;
    if (path.charCodeAt(at) === 46) at++;
    if (path.charCodeAt(at) !== 59) continue;
    result += path.slice(from, at);
    const next = path.indexOf("/", at);
    from = next < 0 ? path.length : next;
  }
  return from === 0 ? path : result + path.slice(from);
}

/** null for %00. */
function decodeUnreserved(target: string): string | null {
  let result = "";
  for (let i = 0; i < target.length; i++) {
    const c = target.charCodeAt(i);
    if (plainChars[c] === 1) result += target.charAt(i);
    else if (c === 92) result += "/";
    else if (c === 37) {
      const high = hexDigit(target.charCodeAt(i + 1));
      const low = hexDigit(target.charCodeAt(i + 2));
      if (high < 0 || low < 0) {
        // Envoy's URL library leaves a "%" alone that begins no escape.
        result += "%";
        continue;
      }
      const value = high * 16 + low;
      if (value === 0) return null;
      result += isUnreserved(value) ? String.fromCharCode(value) : target.slice(i, i + 3);
      i += 2;
    } else result += `%${hex(c >> 4)}${hex(c & 15)}`;
  }
  return result;
}

function removeDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.slice(1).split("/");
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i] as string;
    const isLast = i === segments.length - 1;
    if (segment === ".") {
      if (isLast) kept.push("");
    } else if (segment === "..") {
      kept.pop();
      if (isLast) kept.push("");
    } else kept.push(segment);
  }
  return `/${kept.join("/")}`;
}

function escapedSlash(text: string, at: number): string {
  const high = text.charCodeAt(at + 1);
  const low = text.charCodeAt(at + 2) | 32;
  if (high === 50 && low === 102) return "/";
  return high === 53 && low === 99 ? "\\" : "";
}

function isUnreserved(c: number): boolean {
  if ((c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122)) return true;
  return c === 45 || c === 46 || c === 95 || c === 126;
}

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const lower = c | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function hex(digit: number): string {
  return "0123456789ABCDEF".charAt(digit);
}

/** What a path may hold as it is: pchar without "%", and "/" (RFC 3986 section 3.3), and what Envoy leaves alone beside. */
const plainChars = new Uint8Array(256);
for (const c of "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~!$&'()*+,;=:@/[]") {
  plainChars[c.charCodeAt(0)] = 1;
}
