import { compileFormat } from "../observability/format.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import { compileKnown, type ValueFormatter } from "./header-mutation.ts";
import { wire } from "./text.ts";

/** What a format string with %OPERATORS% gives of a stream, in wire bytes; most are constant. */
export class TemplateValue {
  readonly #constant: string;
  readonly #formatter: ValueFormatter | null;

  /** `template`: one that compileTemplate takes. `missing`: what stands for an operator without a value. */
  constructor(template: string, missing: "-" | "" = "") {
    const isConstant = !template.includes("%");
    this.#constant = isConstant ? wire(template) : "";
    this.#formatter = isConstant ? null : compileKnown(template, compileTemplate, missing);
  }

  of(info: StreamInfo): string {
    return this.#formatter === null ? this.#constant : this.#formatter.format(info);
  }
}

/** A CompileValue. */
export function compileTemplate(template: string, missing: "-" | "" = ""): ValueFormatter | { error: string } {
  const formatter = compileFormat(template, { missing });
  return typeof formatter === "string" ? { error: formatter } : formatter;
}
