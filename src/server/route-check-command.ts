import { type CommandResult, failed } from "./command-result.ts";

/** `nuncio route-check`: tests of Envoy's router check tool, with its flags and words. `args` follow the command. */
export async function routeCheckCommand(args: readonly string[]): Promise<CommandResult> {
  if (args.includes("--help") || args.includes("-h")) return { code: 0, stdout: usage, stderr: "" };
  const flags = readFlags(args);
  if (typeof flags === "string") return failed(`error: ${flags}`);
  const [{ loadRoutes, loadTests }, { RouteChecker }, { missingTests }] = await Promise.all([
    import("../explain/route-check-file.ts"),
    import("../explain/route-check.ts"),
    import("../explain/route-coverage.ts"),
  ]);
  const routes = loadRoutes(flags.configPath);
  if (typeof routes === "string") return failed(routes);
  const tests = loadTests(flags.testPath);
  if (typeof tests === "string") return failed(tests);
  const checker = new RouteChecker(routes.spec);
  const results = tests.map((test) => checker.run(test));
  const out: string[] = [];
  const err: string[] = routes.warnings === "" || flags.isDeprecationQuiet ? [] : [routes.warnings];
  for (const { name, failures } of results) {
    if (failures.length > 0 && (flags.isDetailed || flags.showsOnlyFailures)) err.push(name, ...failures);
    else if (failures.length === 0 && flags.isDetailed && !flags.showsOnlyFailures) out.push(name);
  }
  const hasFailed = results.some(({ failures }) => failures.length > 0);
  let isUnder = false;
  if (!hasFailed) {
    const { coverage, total } = checker;
    const percent = flags.isOfFields ? coverage.percentOfFields(total) : coverage.percent(total);
    if (flags.isOfFields || flags.isDetailedCoverage) {
      out.push(...missingTests(routes.message, routes.spec, checker.names, coverage, flags.isOfFields));
    }
    out.push(`Current route coverage: ${shortNumber(percent)}%`);
    isUnder = flags.failUnder > 0 && percent < flags.failUnder;
    if (isUnder) err.push(`Failed to meet coverage requirement: ${shortNumber(flags.failUnder)}%`);
  }
  const text = (lines: string[]) => (lines.length === 0 ? "" : `${lines.join("\n")}\n`);
  return { code: hasFailed || isUnder ? 1 : 0, stdout: text(out), stderr: text(err) };
}

interface CheckFlags {
  configPath: string;
  testPath: string;
  failUnder: number;
  isDetailed: boolean;
  showsOnlyFailures: boolean;
  /** --covall */
  isOfFields: boolean;
  isDetailedCoverage: boolean;
  isDeprecationQuiet: boolean;
}

/** A string says what is wrong. */
function readFlags(args: readonly string[]): CheckFlags | string {
  const flags: CheckFlags = {
    configPath: "",
    testPath: "",
    failUnder: 0,
    isDetailed: false,
    showsOnlyFailures: false,
    isOfFields: false,
    isDetailedCoverage: false,
    isDeprecationQuiet: false,
  };
  for (let i = 0; i < args.length; i++) {
    const [name = "", said] = splitFlag(args[i] as string);
    const value = () => said ?? args[++i] ?? "";
    if (name === "-d" || name === "--details") flags.isDetailed = true;
    else if (name === "--only-show-failures") flags.showsOnlyFailures = true;
    else if (name === "--covall") flags.isOfFields = true;
    else if (name === "--detailed-coverage") flags.isDetailedCoverage = true;
    else if (name === "--disable-deprecation-check") flags.isDeprecationQuiet = true;
    else if (name === "-c" || name === "--config-path") flags.configPath = value();
    else if (name === "-t" || name === "--test-path") flags.testPath = value();
    else if (name === "-f" || name === "--fail-under") {
      const text = value();
      flags.failUnder = Number(text);
      if (text === "" || Number.isNaN(flags.failUnder)) return `--fail-under takes a number of percent, not "${text}"`;
    } else if (name === "-o" || name === "--output-path") {
      return "--output-path is not implemented in Nuncio: its file is a binary message of Envoy's tool";
    } else return `route-check has no ${name}`;
  }
  if (flags.configPath === "" || flags.testPath === "") {
    return "Both --config-path/c and --test-path/t are mandatory";
  }
  return flags;
}

function splitFlag(arg: string): [name: string, value: string | undefined] {
  const at = arg.startsWith("--") ? arg.indexOf("=") : -1;
  return at < 0 ? [arg, undefined] : [arg.slice(0, at), arg.slice(at + 1)];
}

/** As C++ streams write a double: six digits. */
function shortNumber(value: number): string {
  return String(Number(value.toPrecision(6)));
}

const usage = `
Checks a route table against tests, in the format and with the flags of Envoy's router check tool.

   nuncio route-check -c ROUTES -t TESTS [flags]

   -c, --config-path           a RouteConfiguration, YAML or JSON
   -t, --test-path             the tests, YAML, JSON or text format (.pb_text)
   -d, --details               the names of all tests, and why some failed
   --only-show-failures        only those that failed
   -f, --fail-under            fail where less than so many percent of the routes are tested
   --covall                    measure that by all fields of the routes, and name the routes without a test
   --detailed-coverage         name the routes without a test
   --disable-deprecation-check no warnings of the routes

   Exit code: 0 where all is well, 1 where a test fails, the coverage is too low, or a file cannot be read.
`;
