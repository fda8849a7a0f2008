/** What absl::SimpleAtod reads, blanks around it taken off; null where it is no number. */
export function simpleAtod(text: string): number | null {
  const trimmed = text.trim();
  if (decimal.test(trimmed)) return Number(trimmed);
  const hex = hexadecimal.exec(trimmed);
  if (hex !== null) return fromHex(hex);
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(trimmed);
  if (special === null) return null;
  if ((special[2] as string).toLowerCase() === "nan") return Number.NaN;
  return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** The bytes of base64 whose padding may be left out; null where it is none. Envoy: Base64::decodeWithoutPadding. */
export function decodeBase64(text: string): Buffer | null {
  const bare = text.replace(/={1,2}$/, "");
  if (!alphabet.test(bare) || bare.length % 4 === 1) return null;
  const bytes = Buffer.from(bare, "base64");
  // Bits that stand for nothing must be zero.
  return bytes.toString("base64").replace(/=+$/, "") === bare ? bytes : null;
}

function fromHex([, sign, whole = "", fraction = "", exponent = "0"]: RegExpExecArray): number {
  const digits = Number(`0x${whole}${fraction}`);
  return (sign === "-" ? -digits : digits) * 2 ** (Number(exponent) - 4 * fraction.length);
}

const hexadecimal = /^([+-]?)0x(?=\.?[0-9a-f])([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?\d+))?$/i;
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const alphabet = /^[A-Za-z0-9+/]+$/;
