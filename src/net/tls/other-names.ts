import { DerTag, derChildren, derValues, extensionOf, oidText } from "./der.ts";

/** An alternative name of a kind that an OID tells (RFC 5280 section 4.2.1.6: otherName). */
export interface OtherName {
  /** In numbers with dots. */
  oid: string;
  value: string;
}

/** Those of a certificate, in its order; `certificate` is DER. */
export function otherNames(certificate: Buffer): OtherName[] {
  const extension = extensionOf(certificate, subjectAltName);
  const names = extension === null ? null : derChildren(derValues(extension)?.[0], DerTag.sequence);
  return (names ?? []).flatMap((name) => {
    const [type, wrapper] = derChildren(name, DerTag.context0) ?? [];
    if (type?.tag !== DerTag.oid || wrapper?.tag !== DerTag.context0) return [];
    return [{ oid: oidText(type.content), value: valueText(wrapper.content) }];
  });
}

/** A value of any type as text. Envoy: Utility::generalNameAsString. */
function valueText(der: Buffer): string {
  const value = derValues(der)?.[0];
  if (value === undefined) return "";
  const { tag, content } = value;
  switch (tag) {
    case DerTag.null:
      return "";
    case DerTag.boolean:
      return content[0] === 0 ? "false" : "true";
    case DerTag.integer:
    case DerTag.enumerated:
      return content.length === 0
        ? ""
        : String(BigInt.asIntN(8 * content.length, BigInt(`0x${content.toString("hex")}`)));
    case DerTag.oid:
      return oidText(content);
    case DerTag.bitString:
      return content.subarray(1).toString();
    case DerTag.bmpString:
      return Buffer.from(content).swap16().toString("utf16le");
    case DerTag.sequence:
    case DerTag.set:
      return der.toString();
    default:
      return content.toString();
  }
}

/** 2.5.29.17 in DER. */
const subjectAltName = "551d11";
