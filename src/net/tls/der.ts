/** One value of DER (X.690): its identifier octet and what it holds. */
export interface DerValue {
  tag: number;
  content: Buffer;
}

/** The values that stand in `bytes` one after the other; null where they are no DER. Tags above 30 are in nothing that is read here. */
export function derValues(bytes: Buffer): DerValue[] | null {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] as number;
    const first = bytes[at + 1];
    if ((tag & 0x1f) === 0x1f || first === undefined || first === 0x80) return null;
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const start = at + 2 + lengthBytes;
    if (lengthBytes > 4 || start > bytes.length) return null;
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
    if (start + length > bytes.length) return null;
    values.push({ tag, content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return values;
}

/** What a value holds, where it is of this tag and its content is DER; else null. */
export function derChildren(value: DerValue | undefined, tag: number): DerValue[] | null {
  return value?.tag === tag ? derValues(value.content) : null;
}

/** The value of a certificate's extension (RFC 5280 section 4.1); `oid` in DER, as hex. null where it has none. */
export function extensionOf(certificate: Buffer, oid: string): Buffer | null {
  const parts = derChildren(derValues(certificate)?.[0], DerTag.sequence);
  const fields = derChildren(parts?.[0], DerTag.sequence) ?? [];
  const wrapper = fields.find(({ tag }) => tag === DerTag.context3);
  const list = wrapper === undefined ? null : derChildren(derValues(wrapper.content)?.[0], DerTag.sequence);
  for (const extension of list ?? []) {
    const [id, ...rest] = derChildren(extension, DerTag.sequence) ?? [];
    if (id?.content.toString("hex") === oid) return rest.at(-1)?.content ?? null;
  }
  return null;
}

/** An OBJECT IDENTIFIER in numbers with dots (X.690 section 8.19). */
export function oidText(content: Buffer): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const byte of content) {
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    if (byte >= 0x80) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const first = arcs.shift() ?? 0n;
  const root = first < 40n ? 0n : first < 80n ? 1n : 2n;
  return [root, first - 40n * root, ...arcs].join(".");
}

/** Identifier octets. */
export const DerTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
  context3: 0xa3,
} as const;
