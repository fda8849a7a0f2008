import { readFileSync } from "node:fs";

/** The Envoy release whose API and behaviour this is. Tools parse it out of `--version` and `/server_info` as `/x.y.z/`. */
const envoyApiVersion = { major: 1, minor: 40, patch: 0 } as const;

/**
 * Envoy's five-part build version: commit, API level, tree, build type, TLS library. The commit is Nuncio's own; the third
 * part is the Envoy release taken as the model, not Nuncio's own number, because control planes and tools switch on it.
 * The last part says BoringSSL as Envoy's official build does, for the same reason: TLS here is Node's OpenSSL.
 */
export function buildVersion(): string {
  return `${buildSha()}/${envoyApiVersion.major}.${envoyApiVersion.minor}.${envoyApiVersion.patch}/Clean/RELEASE/BoringSSL`;
}

/** What `--version` prints. */
export function versionText(program: string): string {
  return `\n${program}  version: ${buildVersion()}\n\n`;
}

/** 40 hex digits: the commit that the package was built from, zeros in a working tree. */
function buildSha(): string {
  return packageInfo().sha;
}

/** Nuncio's own version, from package.json. */
function nuncioVersion(): string {
  return packageInfo().version;
}

/** Envoy's `server.version`: the first six digits of the commit as a number. */
export function versionGauge(): number {
  return Number.parseInt(buildSha().slice(0, 6), 16);
}

/** Node metadata that control planes read: `user_agent_build_version`. */
export function userAgentBuildVersion(): Record<string, unknown> {
  return {
    version: {
      major_number: envoyApiVersion.major,
      minor_number: envoyApiVersion.minor,
      patch: envoyApiVersion.patch,
    },
    metadata: {
      "revision.sha": buildSha(),
      "revision.status": "Clean",
      "build.type": "RELEASE",
      "ssl.version": "BoringSSL",
      "nuncio.version": nuncioVersion(),
    },
  };
}

function packageInfo(): { version: string; sha: string } {
  if (info === null) {
    const text: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    const fields = text as { version?: unknown; gitHead?: unknown };
    const head = typeof fields.gitHead === "string" && /^[0-9a-f]{40}$/.test(fields.gitHead) ? fields.gitHead : noSha;
    info = { version: typeof fields.version === "string" ? fields.version : "0.0.0", sha: head };
  }
  return info;
}

const noSha = "0".repeat(40);
let info: { version: string; sha: string } | null = null;

/** Envoy 1.40's hot restart compatibility version. Nuncio restarts without shared memory; tools only compare the text. */
export const hotRestartVersion = "11.104";
