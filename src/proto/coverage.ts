import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
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
  coverage: { honoured: readonly string[]; harmless: readonly string[] },
): void {
  for (const field of schema.fields) {
    if (coverage.honoured.includes(field.name) || !isFieldSet(message, field)) continue;
    if (coverage.harmless.includes(field.name))
      problems.warning(field.name, "is accepted, but has no effect in Nuncio yet");
    else problems.error(field.name, "is not implemented in Nuncio yet; ignoring it would change what a request gets");
  }
}
