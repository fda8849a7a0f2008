/** An absolute URL as Envoy takes it apart (Http::Utility::Url), nothing of it changed. */
export interface AbsoluteUrl {
  scheme: string;
  /** Without the userinfo. */
  authority: string;
  /** Path and query; "/" where there is neither. */
  target: string;
}

/** null for what is none. */
export function parseAbsoluteUrl(text: string): AbsoluteUrl | null {
  const found = absoluteUrl.exec(text);
  if (found === null) return null;
  const [, scheme = "", host = "", port = "", target = ""] = found;
  if (Number(port.slice(1)) > 65535) return null;
  return { scheme, authority: host + port, target: target === "" ? "/" : target };
}

const absoluteUrl =
  /^([A-Za-z]+):\/\/(?:[^/?#@\s]*@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:\d+)?((?:[/?][!"$-~]*)?)(?:#[!-~]*)?$/;
