import type { DescMessage, Message, MessageShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { unpackAs } from "../../proto/any.ts";
import type { Problem, Problems } from "../../proto/problems.ts";
import { valueAt } from "../../proto/value-at.ts";
import { formatProblems } from "../report.ts";
import { validate } from "../validate.ts";

/** An error, with what stands at its path. */
export interface RefusedProblem extends Problem {
  /** null: nothing, or nothing to show. */
  value: string | null;
}

/** What became of a resource in an update. */
export interface Change {
  name: string;
  outcome: "ADDED" | "CHANGED" | "REMOVED" | "REFUSED";
  version: string;
  /** Of one that is refused. */
  problems: readonly RefusedProblem[];
  /** Refused, but what has no fault in it was taken. */
  isPartial: boolean;
  /** As it came; null: it went, or is not kept. */
  bytes: Uint8Array | null;
  /** As it was in force; null: it was not there, or is not kept. */
  before: Uint8Array | null;
}

/** A version that is not taken, and why. */
export interface Refusal {
  version: string;
  at: Date;
  /** As it came; null where it cannot be read. */
  message: Message | null;
  /** null where they are not to be kept. */
  bytes: Uint8Array | null;
  problems: readonly RefusedProblem[];
  /** The problems in words, a line each. */
  details: string;
  /** What has no fault in it is in force. */
  isPartial: boolean;
}

/** A version that was taken. */
interface AcceptedVersion {
  /** Gives it; null while none was. */
  readonly message: (() => Message) | null;
  readonly version: string;
  readonly updatedAt: Date;
}

/** A resource that came from outside, as it is in force and as it last was refused. */
export interface ResourceRecord extends AcceptedVersion {
  readonly name: string;
  /** The bytes accepted: equal ones change nothing. */
  readonly bytes: Uint8Array | null;
  /** Something that it needs has not come. */
  isWarming: boolean;
  /** What is in force as long as this one is warming; null: nothing is. */
  readonly before: AcceptedVersion | null;
  /** Of the newest version; null when that is the accepted one. */
  refusal: Refusal | null;
}

/** The errors of what is no resource of its own, a line each. */
export function refusalText(problems: Problems): string {
  return formatProblems(problems.list.filter(isError), () => null);
}

/** The resources of one type by name, and what changed of them. */
export class ResourceRecords {
  readonly #records = new Map<string, ResourceRecord>();
  #changes: Change[] = [];

  get(name: string): ResourceRecord | undefined {
    return this.#records.get(name);
  }

  all(): ResourceRecord[] {
    return [...this.#records.values()];
  }

  /** `bytes`: null where the message is put together from several resources, or is not to be kept. */
  accept(
    name: string,
    version: string,
    message: () => Message,
    bytes: Uint8Array | null,
    isWarming: boolean,
  ): ResourceRecord {
    const known = this.#records.get(name);
    const isNew = known === undefined || known.message === null;
    if (isNew || bytes === null || known.bytes !== bytes)
      this.#note(isNew ? "ADDED" : "CHANGED", name, version, [], bytes);
    return this.#keep(name, version, message, bytes, isWarming);
  }

  /** True where these bytes are the accepted ones: nothing changes, and what was refused since is over. */
  confirm(name: string, bytes: Uint8Array): boolean {
    const known = this.#records.get(name);
    if (known === undefined || known.bytes === null || Buffer.compare(known.bytes, bytes) !== 0) return false;
    // The same faults are to be told again.
    if (known.refusal?.isPartial === true && known.refusal.bytes === known.bytes) return false;
    known.refusal = null;
    return true;
  }

  /** Keeps why a version is refused beside the one in force. Answers the reasons in words. */
  refuse(
    name: string,
    version: string,
    problems: Problems,
    message: Message | null,
    bytes: Uint8Array | null = null,
  ): string {
    const refusal = refusalOf(version, problems, message, bytes);
    const known = this.#records.get(name);
    this.#note("REFUSED", name, version, refusal.problems, bytes);
    if (known !== undefined) known.refusal = refusal;
    else {
      const none = { name, message: null, version: "", updatedAt: refusal.at, bytes: null };
      this.#records.set(name, { ...none, isWarming: false, before: null, refusal });
    }
    return refusal.details;
  }

  /** As refuse(), but `inForce`, which is what of the message has no fault, is taken. */
  acceptPartly(
    name: string,
    version: string,
    inForce: Message,
    problems: Problems,
    message: Message,
    bytes: Uint8Array,
  ): string {
    const refusal = { ...refusalOf(version, problems, message, bytes), isPartial: true };
    this.#note("REFUSED", name, version, refusal.problems, bytes, true);
    this.#keep(name, version, () => inForce, bytes, false).refusal = refusal;
    return refusal.details;
  }

  remove(name: string): void {
    const known = this.#records.get(name);
    if (known === undefined) return;
    if (known.message !== null) this.#note("REMOVED", name, known.version, [], null);
    this.#records.delete(name);
  }

  /** What changed in an update. What is refused without a name that it could be mended by is over with the next one. */
  takeChanges(): Change[] {
    const changes = this.#changes;
    this.#changes = [];
    const isNameless = this.#records.get("")?.message === null;
    if (isNameless && !changes.some(({ name }) => name === "")) this.#records.delete("");
    return changes;
  }

  #keep(
    name: string,
    version: string,
    message: () => Message,
    bytes: Uint8Array | null,
    isWarming: boolean,
  ): ResourceRecord {
    const known = this.#records.get(name);
    const before = known === undefined || known.message === null ? null : known.isWarming ? known.before : only(known);
    const record = { name, message, version, updatedAt: new Date(), bytes, isWarming, before, refusal: null };
    this.#records.set(name, record);
    return record;
  }

  #note(
    outcome: Change["outcome"],
    name: string,
    version: string,
    problems: readonly RefusedProblem[],
    bytes: Uint8Array | null,
    isPartial = false,
  ): void {
    const before = this.#records.get(name)?.bytes ?? null;
    this.#changes.push({ name, outcome, version, problems, bytes, before, isPartial });
  }
}

/**
 * Reads a resource and checks it against the API's rules; null when it cannot be read at all. Faults are in `problems`. Unknown fields are named
 * and let pass, as Envoy does.
 */
export function readResource<Desc extends DescMessage>(
  schema: Desc,
  any: Any,
  problems: Problems,
): MessageShape<Desc> | null {
  keepOnly(any);
  const message = unpackAs(schema, any, problems, "");
  if (message === null) return null;
  validate(schema, message, problems, "warn");
  return message;
}

/** What is read points into the bytes: a resource that stays must not hold the whole response that it came in. */
export function keepOnly(any: Any): void {
  if (any.value.byteLength * 2 < any.value.buffer.byteLength) any.value = any.value.slice();
}

/** Without what was before it, else none would ever be let go. */
function only({ message, version, updatedAt }: AcceptedVersion): AcceptedVersion {
  return { message, version, updatedAt };
}

/** Of a version that came now. */
export function refusalOf(
  version: string,
  problems: Problems,
  message: Message | null,
  bytes: Uint8Array | null = null,
): Refusal {
  const refused = problems.list
    .filter(isError)
    .sort((a, b) => a.path.localeCompare(b.path, "en", { numeric: true }))
    .map((problem) => ({ ...problem, value: message === null ? null : valueAt(message, problem.path) }));
  return { version, at: new Date(), message, bytes, problems: refused, details: linesOf(refused), isPartial: false };
}

/** The problems of one resource in the order they were found, a line each. */
function linesOf(problems: readonly RefusedProblem[]): string {
  return formatProblems(
    problems.map((problem) => ({ ...problem, reason: reasonText(problem) })),
    () => null,
  );
}

/** With the value, where the reason does not say it already. */
export function reasonText({ reason, value }: RefusedProblem): string {
  return value === null || reason.includes(value) || reason.includes(value.replaceAll('"', ""))
    ? reason
    : `${reason} (it is ${value})`;
}

/** Warnings, for the log. */
export function warningText(problems: Problems): string {
  return formatProblems(
    problems.list.filter((problem) => !isError(problem)),
    () => null,
  );
}

function isError(problem: Problem): boolean {
  return problem.severity === "error";
}
