/** Plain bytes, one a character, of percent-encoded text (RFC 3986 section 2.1); what is no percent-encoding stays as it is. */
export function percentDecode(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
