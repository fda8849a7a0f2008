import { hasEscapedSlash, mergeSlashes, normalizePath, stripFragment, unescapeSlashes } from "../http/path.ts";
import type { HcmSpec } from "./spec.ts";

/** What became of a request's path. `path` is the new one; of a redirect, where to. */
export interface TreatedPath {
  action: "accept" | "reject" | "redirect";
  path: string;
}

/**
 * Fragment, escaped slashes, dot segments and repeated slashes, in Envoy's order
 * (ConnectionManagerUtility::maybeNormalizePath). The object is the next call's too.
 */
export function treatPath(target: string, spec: HcmSpec): TreatedPath {
  result.action = "accept";
  result.path = target;
  if (target.includes("#")) {
    result.action = "reject";
    return result;
  }
  let path = stripFragment(target);
  let isUnescaped = false;
  if (spec.escapedSlashes !== "KEEP_UNCHANGED" && hasEscapedSlash(path)) {
    path = unescapeSlashes(path);
    if (spec.escapedSlashes === "REJECT_REQUEST") {
      result.action = "reject";
      result.path = path;
      return result;
    }
    isUnescaped = true;
  }
  if (spec.normalizePath) {
    const normalized = normalizePath(path);
    if (normalized === null) {
      result.action = "reject";
      return result;
    }
    path = normalized;
  }
  if (spec.mergeSlashes) path = mergeSlashes(path);
  if (isUnescaped && spec.escapedSlashes === "UNESCAPE_AND_REDIRECT") result.action = "redirect";
  result.path = path;
  return result;
}

const result: TreatedPath = { action: "accept", path: "" };
