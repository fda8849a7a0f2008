import type { DescField, DescMessage, MessageShape } from "@bufbuild/protobuf";
import { isFieldSet } from "@bufbuild/protobuf";
import type { Problems } from "./problems.ts";

/**
 * Names every set field of a message that Nuncio does not read, so that none is ignored in silence. `honoured` are the
 * fields (snake_case) that are read; `harmless` change no response when ignored and get a warning; any other is refused.
 */
export function checkCoverage<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
  problems: Problems,
  coverage: Coverage,
): void {
  for (const { field, isHarmless } of unreadOf(schema, coverage)) {
    if (!isFieldSet(message, field)) continue;
    if (isHarmless) problems.warning(field.name, "is accepted, but has no effect in Nuncio yet");
    else problems.error(field.name, "is not implemented in Nuncio yet; ignoring it would change what a request gets");
  }
}

interface Coverage {
  honoured: readonly string[];
  harmless: readonly string[];
}

interface UnreadField {
  field: DescField;
  isHarmless: boolean;
}

/** The fields that are not read. Worked out once for the lists of a call, which are the same each time. */
function unreadOf(schema: DescMessage, coverage: Coverage): UnreadField[] {
  let known = plans.get(schema);
  if (known === undefined) plans.set(schema, (known = []));
  for (const plan of known)
    if (isSame(plan.honoured, coverage.honoured) && isSame(plan.harmless, coverage.harmless)) return plan.unread;
  const unread = schema.fields
    .filter(({ name }) => !coverage.honoured.includes(name))
    .map((field) => ({ field, isHarmless: coverage.harmless.includes(field.name) }));
  known.push({ ...coverage, unread });
  return unread;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const plans = new Map<DescMessage, (Coverage & { unread: UnreadField[] })[]>();
