import type { HeaderBlock, RequestHead } from "./header-block.ts";

/** Appends the fields of one block to another, in their order. */
export function copyFields(from: HeaderBlock, to: HeaderBlock): void {
  for (let i = 0; i < from.size; i++) {
    const name = from.names[i] as string;
    if (name === "") continue;
    const raw = from.rawNames?.[i];
    if (raw !== undefined) to.keepCase(raw);
    to.append(name, from.values[i] as string);
  }
}

/** Makes `to`, which is empty, a request like `from`. */
export function copyRequest(from: RequestHead, to: RequestHead): void {
  copyFields(from, to);
  to.method = from.method;
  to.path = from.path;
  to.scheme = from.scheme;
  to.hostName = from.hostName;
  to.authority = from.authority;
  to.protocol = from.protocol;
}
