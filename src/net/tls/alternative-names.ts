import type { X509Certificate } from "node:crypto";
import { otherNames } from "./other-names.ts";
import type { SanMatcherSpec } from "./spec.ts";

/** One alternative name of a certificate. */
export interface AlternativeName {
  type: SanMatcherSpec["type"] | "OTHER";
  value: string;
  /** What kind of OTHER_NAME it is, in numbers with dots; "" of the others. */
  oid: string;
}

/** subjectAltName in Node's text form: "DNS:a, URI:\"b, c\", IP Address:1.2.3.4". */
export function alternativeNames(certificate: X509Certificate): AlternativeName[] {
  const names: AlternativeName[] = [];
  for (const [, label = "", quoted, plain] of (certificate.subjectAltName ?? "").matchAll(entry)) {
    const value = quoted === undefined ? (plain ?? "") : unquote(quoted);
    const type = types[label] ?? "OTHER";
    names.push({ type, value: type === "IP_ADDRESS" && value.includes(":") ? shortIpv6(value) : value, oid: "" });
  }
  // Node does not tell what they are.
  if (certificate.subjectAltName?.includes("othername:") === true)
    for (const name of otherNames(certificate.raw)) names.push({ type: "OTHER_NAME", ...name });
  return names;
}

/** RFC 6125: the name itself, or a wildcard for one label at the front. */
export function coversName(pattern: string, name: string): boolean {
  if (pattern.toLowerCase() === name.toLowerCase()) return true;
  const dot = name.indexOf(".");
  return pattern.startsWith("*.") && dot > 0 && pattern.slice(1).toLowerCase() === name.slice(dot).toLowerCase();
}

/** RFC 5952; Node writes all groups. */
function shortIpv6(ip: string): string {
  return new URL(`http://[${ip}]`).hostname.slice(1, -1);
}

function unquote(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    return text;
  }
}

/** A distinguished name as RFC 2253 has it: Node writes an attribute a line, the first first, and leaves bytes over 0x7f. */
export function rfc2253(name: string | undefined): string {
  const text = (name ?? "").split("\n").reverse().join(",");
  return text.replace(/[^\x00-\x7f]/gu, (char) =>
    [...Buffer.from(char)].map((byte) => `\\${byte.toString(16).toUpperCase()}`).join(""),
  );
}

const entry = /([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))(?:, |$)/g;
const types: Record<string, SanMatcherSpec["type"]> = {
  DNS: "DNS",
  URI: "URI",
  email: "EMAIL",
  "IP Address": "IP_ADDRESS",
};
