/** A configured string as the wire carries it: UTF-8 bytes, one character each. */
export function wire(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1");
}

export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

/** Lower case of ASCII letters alone, as absl's. Gives back the same string where there is nothing to do. */
export function asciiLower(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 65 && c <= 90)
      return isAscii(text) ? text.toLowerCase() : text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  }
  return text;
}

/** Where the path ends and the query or fragment begins. */
export function pathEnd(target: string): number {
  const query = target.indexOf("?");
  const fragment = target.indexOf("#");
  if (fragment >= 0 && (query < 0 || fragment < query)) return fragment;
  return query < 0 ? target.length : query;
}
