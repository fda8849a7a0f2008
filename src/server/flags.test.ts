import { describe, expect, test } from "vitest";
import { flagTable } from "./flag-table.ts";
import { type Flags, parseFlags } from "./flags.ts";

test("every flag with an effect or a value of Envoy 1.40 is known, and one of ours", () => {
  const names = flagTable.map((spec) => spec.name);
  expect(names.filter((name) => name !== "drain-on-sigterm")).toHaveLength(41);
  expect(new Set(names).size).toBe(names.length);
});

test("nothing given is Envoy's defaults", () => {
  const flags = run([]);
  expect(flags).toMatchObject({ mode: "serve", logLevel: "info", drainTimeS: 600, drainStrategy: "gradual" });
  expect(flags.concurrency).toBe(null);
  expect(flags.drainOnSigtermS).toBe(null);
});

test("values come as the next argument or after an equals sign", () => {
  expect(run(["-c", "a.yaml", "--mode", "validate"])).toMatchObject({ configPath: "a.yaml", mode: "validate" });
  expect(run(["-c=a.yaml", "--mode=validate"])).toMatchObject({ configPath: "a.yaml", mode: "validate" });
  expect(run(["--config-yaml", "a: b=c"]).configYaml).toBe("a: b=c");
});

test("a concurrency of 0 is 1", () => {
  expect(run(["--concurrency", "0"]).concurrency).toBe(1);
});

test("what follows -- is ignored", () => {
  expect(run(["-c", "a.yaml", "--", "--nope"]).configPath).toBe("a.yaml");
});

test("Istio's command line is understood", () => {
  const line =
    "-c etc/istio/proxy/envoy-rev.json --drain-time-s 45 --drain-strategy immediate --local-address-ip-version v4 " +
    "--file-flush-interval-msec 1000 --disable-hot-restart --allow-unknown-static-fields --log-level warning " +
    "--component-log-level misc:error --concurrency 2 --skip-deprecated-logs";
  expect(run(line.split(" "))).toMatchObject({
    drainTimeS: 45,
    drainStrategy: "immediate",
    fileFlushIntervalMs: 1000,
    allowUnknownStaticFields: true,
    componentLogLevels: { misc: "error" },
    concurrency: 2,
    accepted: { "disable-hot-restart": "", "skip-deprecated-logs": "" },
  });
});

test("--version has Envoy's five parts", () => {
  const result = parseFlags(["--version"], "envoy");
  expect(result).toMatchObject({ kind: "exit", code: 0 });
  expect(result.kind === "exit" && result.stdout).toMatch(
    /^\nenvoy {2}version: [0-9a-f]{40}\/1\.40\.0\/Clean\/RELEASE\/BoringSSL\n\n$/,
  );
});

describe("refused as Envoy refuses", () => {
  const cases: [args: string[], stderr: string][] = [
    [["--nope"], "PARSE ERROR: Argument: --nope\n             Couldn't find match for argument\n"],
    [["foo"], "PARSE ERROR: Argument: foo\n             Couldn't find match for argument\n"],
    [["-c"], "PARSE ERROR: Argument: -c (--config-path)\n             Missing a value for this argument!\n"],
    [["-c", "a", "-c", "b"], "PARSE ERROR: Argument: -c (--config-path)\n             Argument already set!\n"],
    [
      ["--concurrency", "x"],
      "PARSE ERROR: Argument: (--concurrency)\n             Couldn't read argument value from string 'x'\n",
    ],
    [["--mode", "foo"], "error: unknown mode 'foo'\n"],
    [["-l", "foo"], "error: invalid log level specified 'foo'\n"],
    [["--component-log-level", "foo:debug"], "error: invalid component specified 'foo'\n"],
    [["--component-log-level", "upstream:foo"], "error: invalid log level specified 'foo'\n"],
    [["--component-log-level", "upstream"], "error: component log level not correctly specified 'upstream'\n"],
    [["--local-address-ip-version", "v5"], "error: unknown IP address version 'v5'\n"],
    [["--stats-tag", "a"], "error: misformatted stats-tag 'a'\n"],
    [["--stats-tag", "a-b:c"], "error: misformatted stats-tag 'a-b:c' contains invalid char in 'a-b'\n"],
    [["--stats-tag", "a:b.c"], "error: misformatted stats-tag 'a:b.c' contains invalid char in 'b.c'\n"],
    [
      ["--use-dynamic-base-id", "--restart-epoch", "1"],
      "error: cannot use --restart-epoch=1 with --use-dynamic-base-id\n",
    ],
    [
      ["--enable-fine-grain-logging", "--component-log-level", "a:b"],
      "error: --component-log-level will not work with --enable-fine-grain-logging\n",
    ],
  ];
  for (const [args, stderr] of cases) {
    test(args.join(" "), () => {
      const result = parseFlags(args);
      expect(result).toMatchObject({ kind: "exit", code: 1, stdout: "" });
      expect(result.kind === "exit" && result.stderr.startsWith(stderr)).toBe(true);
    });
  }
});

function run(args: string[]): Flags {
  const result = parseFlags(args);
  if (result.kind !== "run") throw new Error(result.stderr);
  return result.flags;
}
