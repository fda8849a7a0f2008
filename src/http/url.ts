/** Host and port of an absolute URL (RFC 3986 section 3), without the userinfo; null for what is none. Envoy: Http::Utility::Url::hostAndPort. */
export function hostOfUrl(url: string): string | null {
  return absoluteUrl.exec(url)?.[1] ?? null;
}

const absoluteUrl = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#]+)/;
