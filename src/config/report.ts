import type { Problem } from "../proto/problems.ts";
import type { Location } from "./source.ts";

/**
 * One problem for people, without a line break at its end:
 *
 *     envoy.yaml:14:9: static_resources.listenerz: no such field. Did you mean "listeners"?
 *       Envoy: Protobuf message (... no such field: 'listenerz') has unknown fields
 */
function formatProblem(problem: Problem, location: Location | null): string {
  const place = location === null ? "" : `${location.file}:${location.line}:${location.column}: `;
  const kind = problem.severity === "warning" ? "warning: " : "";
  const path = problem.path === "" ? "" : `${problem.path}: `;
  const suggestion = problem.suggestion === null ? "" : `. Did you mean "${problem.suggestion}"?`;
  const envoy = problem.envoyText === null ? "" : `\n  Envoy: ${problem.envoyText}`;
  return `${place}${kind}${path}${problem.reason}${suggestion}${envoy}`;
}

/** All problems, one after the other: errors first, each kind in the order of the text. */
export function formatProblems(
  problems: readonly Problem[],
  locationOf: (problem: Problem) => Location | null,
): string {
  const rank = (problem: Problem) => (problem.severity === "error" ? 0 : 1);
  return problems
    .map((problem) => ({ problem, location: locationOf(problem) }))
    .sort(
      (a, b) =>
        rank(a.problem) - rank(b.problem) ||
        (a.location?.line ?? 0) - (b.location?.line ?? 0) ||
        (a.location?.column ?? 0) - (b.location?.column ?? 0),
    )
    .map(({ problem, location }) => formatProblem(problem, location))
    .join("\n");
}
