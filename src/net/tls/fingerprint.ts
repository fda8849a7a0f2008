import { createHash } from "node:crypto";

/** JA3 of a ClientHello, its MD5 in hex: what it offers, in its order. Envoy: enable_ja3_fingerprinting. */
export function ja3Of(hello: Buffer): string {
  const { version, ciphers, extensions } = readOffer(hello);
  // Envoy leaves GREASE in the groups.
  const groups = words(extensions.get(supportedGroups) ?? none, 2);
  const formats = [...(extensions.get(pointFormats) ?? none).subarray(1)];
  const lists = [ciphers, [...extensions.keys()].filter(isNoGrease), groups, formats].map((list) => list.join("-"));
  return createHash("md5")
    .update([version, ...lists].join(","))
    .digest("hex");
}

/** JA4 of a ClientHello: how much of what it offers, and hashes of it in order of number. Envoy: enable_ja4_fingerprinting. */
export function ja4Of(hello: Buffer): string {
  const { version, ciphers, extensions } = readOffer(hello);
  const types = [...extensions.keys()].filter(isNoGrease);
  const highest = Math.max(0, ...words(extensions.get(supportedVersions) ?? none, 1).filter(isNoGrease));
  const named = types.filter((type) => type !== serverName && type !== alpn);
  const schemes = words(extensions.get(signatureAlgorithms) ?? none, 2);
  const offered = hexList(named.sort(byNumber)) + (schemes.length === 0 ? "" : `_${hexList(schemes)}`);
  return [
    `t${versionNames[highest || version] ?? "00"}${extensions.has(serverName) ? "d" : "i"}`,
    `${count(ciphers)}${count(types)}${alpnChars(extensions.get(alpn) ?? none)}_`,
    `${ciphers.length === 0 ? noHash : hashOf(hexList(ciphers.sort(byNumber)))}_`,
    named.length === 0 ? noHash : hashOf(offered),
  ].join("");
}

/** What a ClientHello's body offers; GREASE (RFC 8701) is no cipher. Lists that end early are read as far as they go. */
function readOffer(hello: Buffer): { version: number; ciphers: number[]; extensions: Map<number, Buffer> } {
  const extensions = new Map<number, Buffer>();
  let at = 35 + (hello[34] ?? 0);
  const ciphersEnd = at + 2 + wordAt(hello, at);
  const ciphers = words(hello.subarray(at, ciphersEnd), 2).filter(isNoGrease);
  at = ciphersEnd + 1 + (hello[ciphersEnd] ?? 0);
  const end = Math.min(hello.length, at + 2 + wordAt(hello, at));
  for (at += 2; at + 4 <= end; ) {
    const next = at + 4 + wordAt(hello, at + 2);
    if (next > end) break;
    extensions.set(wordAt(hello, at), hello.subarray(at + 4, next));
    at = next;
  }
  return { version: wordAt(hello, 0), ciphers, extensions };
}

/** The first and the last character of the first protocol, or half of each byte where they are no letters or digits. */
function alpnChars(list: Buffer): string {
  const first = list.subarray(3, 3 + (list[2] ?? 0));
  if (first.length === 0) return "00";
  const ends = first.latin1Slice(0, 1) + first.latin1Slice(first.length - 1);
  if (/^[A-Za-z0-9]{2}$/.test(ends)) return ends;
  return ((first[0] as number) >> 4).toString(16) + ((first.at(-1) as number) & 15).toString(16);
}

/** Numbers of two bytes from `at`. */
function words(list: Buffer, at: number): number[] {
  const found: number[] = [];
  for (let i = at; i + 2 <= list.length; i += 2) found.push(wordAt(list, i));
  return found;
}

function wordAt(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function isNoGrease(word: number): boolean {
  return (word & 0x0f0f) !== 0x0a0a || word >> 8 !== (word & 0xff);
}

function count(list: readonly number[]): string {
  return String(Math.min(99, list.length)).padStart(2, "0");
}

function hexList(list: readonly number[]): string {
  return list.map((word) => word.toString(16).padStart(4, "0")).join(",");
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

function byNumber(a: number, b: number): number {
  return a - b;
}

const none = Buffer.alloc(0);
const noHash = "000000000000";
const versionNames: Record<number, string> = { 772: "13", 771: "12", 770: "11", 769: "10" };
const serverName = 0;
const supportedGroups = 10;
const pointFormats = 11;
const signatureAlgorithms = 13;
const alpn = 16;
const supportedVersions = 43;
