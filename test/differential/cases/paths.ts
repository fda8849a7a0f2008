import { request } from "../bytes.ts";
import type { Case, Setup } from "../setup.ts";

/** Normalisation of paths, each policy over the same paths. */
export const pathsSetups: Record<string, Setup> = {
  pathAsIs: {},
  pathNormal: { manager: { normalize_path: true } },
  pathMerged: { manager: { normalize_path: true, merge_slashes: true } },
  pathOnlyMerged: { manager: { merge_slashes: true } },
  slashRefused: { manager: { path_with_escaped_slashes_action: "REJECT_REQUEST" } },
  slashRedirected: { manager: { path_with_escaped_slashes_action: "UNESCAPE_AND_REDIRECT" } },
  slashForwarded: { manager: { path_with_escaped_slashes_action: "UNESCAPE_AND_FORWARD", normalize_path: true } },
};

const paths = [
  "/a/./b/../c?x=/../y",
  "/../../etc",
  "//a///b//?q=//",
  "/a/%2e%2e/b",
  "/a/%2E./c",
  "/a%2Fb%5Cc?d=%2F",
  "/a\\..\\b",
  "/%41%7e%zz",
  "/a/..;/b",
  "/a%00b",
  "/a#b",
  "/a/.",
  "/a/..",
];

export const pathsCases: readonly Case[] = Object.keys(pathsSetups).flatMap((setup) =>
  paths.map((path): Case => ({ name: `${setup}: ${path}`, setup, send: request(`GET ${path}`) })),
);
