import type { RequestHead } from "../http/header-block.ts";

/** What a client asked for, as realms of www-authenticate name it. Envoy: Http::Utility::buildOriginalUri, of 256 characters of path at most. */
export function originalUri(head: RequestHead): string {
  if (head.path === "") return "";
  const path = head.find("x-envoy-original-path") ?? head.path;
  return `${head.scheme}://${head.authority}${path.slice(0, maxPath)}`;
}

const maxPath = 256;
