import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { unpackAs } from "../../proto/any.ts";
import type { Problem, Problems } from "../../proto/problems.ts";
import { formatProblems } from "../report.ts";
import { validate } from "../validate.ts";

/** A resource that came from outside, as it is in force and as it last was refused. */
export interface ResourceRecord {
  readonly name: string;
  /** As accepted; null while none was. */
  message: unknown;
  version: string;
  updatedAt: Date;
  /** The bytes accepted: equal ones change nothing. */
  bytes: Uint8Array | null;
  /** Something that it needs has not come. */
  isWarming: boolean;
  /** Why the newest version is refused; null when it is in force. */
  refusal: { version: string; details: string; at: Date } | null;
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

  accept(
    name: string,
    version: string,
    message: unknown,
    bytes: Uint8Array | null,
    isWarming: boolean,
  ): ResourceRecord {
    const record = { name, message, version, updatedAt: new Date(), bytes, isWarming, refusal: null };
    this.#records.set(name, record);
    return record;
  }

  refuse(name: string, version: string, details: string): void {
    const refusal = { version, details, at: new Date() };
    const known = this.#records.get(name);
    if (known !== undefined) known.refusal = refusal;
    else {
      const none = { name, message: null, version: "", updatedAt: refusal.at, bytes: null, isWarming: false };
      this.#records.set(name, { ...none, refusal });
    }
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
  const message = unpackAs(schema, any, problems, "");
  if (message === null) return null;
  validate(schema, message, problems, "warn");
  return message;
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

export function equalBytes(a: Uint8Array | null | undefined, b: Uint8Array): boolean {
  return a != null && Buffer.compare(a, b) === 0;
}

function isError(problem: Problem): boolean {
  return problem.severity === "error";
}
