/** Why an encoding was chosen: what is counted. */
type EncodingReason = "not_valid" | "identity" | "wildcard" | "compressor";

/** What a response is encoded in: "identity" for nothing. */
export interface EncodingDecision {
  encoding: string;
  reason: EncodingReason;
}

/** A compressor of the chain. */
export interface Candidate {
  encoding: string;
  chooseFirst: boolean;
}

/**
 * The encoding that accept-encoding likes best of those there are, the first in the chain where several are alike. Envoy:
 * CompressorFilter::chooseEncoding, which reads one parameter of an encoding at most.
 */
export function chooseEncoding(accept: string, candidates: readonly Candidate[]): EncodingDecision {
  const allowed = new Map<string, Candidate>();
  for (const one of candidates) if (!allowed.has(one.encoding)) allowed.set(one.encoding, one);
  const wishes: { encoding: string; weight: number }[] = [];
  for (const token of accept.split(",")) {
    if (token === "") continue;
    const weight = weightOf(token);
    if (Number.isNaN(weight)) continue;
    const encoding = before(token, ";").trim();
    wishes.push({ encoding, weight });
    if (weight === 0) allowed.delete(encoding);
  }
  if (wishes.length === 0 || allowed.size === 0) return notValid;
  let best = { encoding: "identity", weight: 0 };
  for (const wish of wishes) {
    const { encoding, weight } = wish;
    if (!(allowed.has(encoding) || encoding === "identity" || encoding === "*")) continue;
    if (weight > best.weight || (weight === best.weight && allowed.get(encoding)?.chooseFirst === true)) best = wish;
  }
  if (best.weight === 0) return notValid;
  if (best.encoding === "identity") return { encoding: "identity", reason: "identity" };
  if (best.encoding !== "*") return { encoding: best.encoding, reason: "compressor" };
  const [first = "identity"] = allowed.keys();
  return { encoding: first, reason: "wildcard" };
}

/** 1 where nothing is said; NaN for what is no number. */
function weightOf(token: string): number {
  const semicolon = token.indexOf(";");
  if (semicolon < 0) return 1;
  const parameter = token.slice(semicolon + 1);
  const equals = parameter.indexOf("=");
  if (equals < 0 || parameter.slice(0, equals).trim().toLowerCase() !== "q") return 1;
  const value = parameter.slice(equals + 1).trim();
  return value === "" ? Number.NaN : Number(value);
}

function before(text: string, mark: string): string {
  const at = text.indexOf(mark);
  return at < 0 ? text : text.slice(0, at);
}

const notValid: EncodingDecision = { encoding: "identity", reason: "not_valid" };
