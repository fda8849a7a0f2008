/** True when Envoy takes it as an authority: no more is asked than that no delimiter of a URL stands in it. */
export function isEnvoyAuthority(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (envoyChars[text.charCodeAt(i)] !== 1) return false;
  return true;
}

/** True for host [":" port] of RFC 3986 without percent-encoding: a name, an IPv4 address or an IPv6 one in brackets. */
export function isStrictAuthority(text: string): boolean {
  let i = 0;
  if (text.charCodeAt(0) === 91) {
    i = text.indexOf("]") + 1;
    if (i < 3) return false;
    for (let k = 1; k < i - 1; k++) if (ipv6Chars[text.charCodeAt(k)] !== 1) return false;
  } else {
    while (i < text.length && nameChars[text.charCodeAt(i)] === 1) i++;
  }
  if (i === 0) return false;
  if (i === text.length) return true;
  if (text.charCodeAt(i) !== 58 || text.length - i > 6) return false;
  for (i++; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 48 || c > 57) return false;
  }
  return true;
}

/** The offset of the ":" in front of the port, -1 when there is none. */
function portOffset(authority: string): number {
  const colon = authority.lastIndexOf(":");
  if (colon < 0) return -1;
  // An IPv6 address without brackets has no port.
  if (authority.charCodeAt(0) === 91 ? authority.charCodeAt(colon - 1) !== 93 : authority.indexOf(":") !== colon)
    return -1;
  return colon;
}

/** The host alone, brackets kept. */
export function hostOf(authority: string): string {
  const at = portOffset(authority);
  return at < 0 ? authority : authority.slice(0, at);
}

/** The port, -1 when there is none or it is no number up to 65535. */
export function portOf(authority: string): number {
  const at = portOffset(authority);
  if (at < 0 || at === authority.length - 1 || authority.length - at > 6) return -1;
  let port = 0;
  for (let i = at + 1; i < authority.length; i++) {
    const digit = authority.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    port = port * 10 + digit;
  }
  return port <= 65535 ? port : -1;
}

/** Without its port when that is `port` (Envoy: strip_matching_host_port), or whatever it is when `port` is -1 (strip_any_host_port). */
export function stripPort(authority: string, port: number): string {
  const at = portOffset(authority);
  if (at < 0 || (port >= 0 && portOf(authority) !== port)) return authority;
  return authority.slice(0, at);
}

/** Without one trailing dot of the host, a port kept (Envoy: strip_trailing_host_dot). */
export function stripTrailingDot(authority: string): string {
  const at = portOffset(authority);
  const hostEnd = at < 0 ? authority.length : at;
  if (authority.charCodeAt(hostEnd - 1) !== 46) return authority;
  return authority.slice(0, hostEnd - 1) + authority.slice(hostEnd);
}

function table(chars: string): Uint8Array {
  const result = new Uint8Array(256);
  for (const c of chars) result[c.charCodeAt(0)] = 1;
  return result;
}

const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
// RFC 3986 reg-name without pct-encoded; "," is left out, it would look like two hosts.
const nameChars = table(`${alphanumeric}-._~!$&'()*+;=`);
const ipv6Chars = table("0123456789abcdefABCDEF:.");
// Envoy HeaderUtility::authorityIsValid: the characters of userinfo, host and port.
const envoyChars = table(`${alphanumeric}-._~!$&'()*+;=:@[]%`);
