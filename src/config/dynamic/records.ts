import type { DescMessage, Message, MessageShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { unpackAs } from "../../proto/any.ts";
import type { Problem, Problems } from "../../proto/problems.ts";
import { formatProblems } from "../report.ts";
import { validate } from "../validate.ts";

/** A version that is not taken, and why. */
export interface Refusal {
  version: string;
  at: Date;
  /** As it came; null where it cannot be read. */
  message: Message | null;
  problems: readonly Problem[];
  /** The problems in words, a line each. */
  details: string;
}

/** A version that was taken. */
interface AcceptedVersion {
  /** null while none was. */
  readonly message: Message | null;
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

/** The resources of one type by name. */
export class ResourceRecords {
  readonly #records = new Map<string, ResourceRecord>();

  get(name: string): ResourceRecord | undefined {
    return this.#records.get(name);
  }

  all(): ResourceRecord[] {
    return [...this.#records.values()];
  }

  /** `bytes`: null where the message is put together from several resources. */
  accept(
    name: string,
    version: string,
    message: Message,
    bytes: Uint8Array | null,
    isWarming: boolean,
  ): ResourceRecord {
    const known = this.#records.get(name);
    const before = known === undefined || known.message === null ? null : known.isWarming ? known.before : only(known);
    const record = { name, message, version, updatedAt: new Date(), bytes, isWarming, before, refusal: null };
    this.#records.set(name, record);
    return record;
  }

  /** True where these bytes are the accepted ones: nothing changes, and what was refused since is over. */
  confirm(name: string, bytes: Uint8Array): boolean {
    const known = this.#records.get(name);
    if (known === undefined || known.bytes === null || Buffer.compare(known.bytes, bytes) !== 0) return false;
    known.refusal = null;
    return true;
  }

  /** Keeps why a version is refused beside the one in force. Answers the reasons in words. */
  refuse(name: string, version: string, problems: Problems, message: Message | null): string {
    const refusal = refusalOf(version, problems, message);
    const known = this.#records.get(name);
    if (known !== undefined) known.refusal = refusal;
    else {
      const none = { name, message: null, version: "", updatedAt: refusal.at, bytes: null };
      this.#records.set(name, { ...none, isWarming: false, before: null, refusal });
    }
    return refusal.details;
  }

  remove(name: string): void {
    this.#records.delete(name);
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
  // What is read points into the bytes: a resource that stays must not hold the whole response that it came in.
  if (any.value.byteLength * 2 < any.value.buffer.byteLength) any.value = any.value.slice();
  const message = unpackAs(schema, any, problems, "");
  if (message === null) return null;
  validate(schema, message, problems, "warn");
  return message;
}

/** Without what was before it, else none would ever be let go. */
function only({ message, version, updatedAt }: AcceptedVersion): AcceptedVersion {
  return { message, version, updatedAt };
}

/** Of a version that came now. */
export function refusalOf(version: string, problems: Problems, message: Message | null): Refusal {
  return { version, at: new Date(), message, problems: problems.list.filter(isError), details: refusalText(problems) };
}

/** The errors of one resource in the order they were found, a line each. */
export function refusalText(problems: Problems): string {
  return formatProblems(problems.list.filter(isError), () => null);
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
