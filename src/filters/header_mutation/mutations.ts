import type { HeaderBlock } from "../../http/header-block.ts";
import { knownId } from "../../http/names.ts";
import { compileFormat } from "../../observability/format.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import { compileKnown, type ValueFormatter } from "../../router/header-mutation.ts";
import { StringMatcher } from "../../router/matchers.ts";
import type { HeaderAddSpec, StringMatcherSpec } from "../../router/spec.ts";
import { wire } from "../../router/text.ts";

/** config.common.mutation_rules.v3.HeaderMutation. */
export type HeaderMutationSpec =
  | { kind: "append"; add: HeaderAddSpec }
  /** Lower-case. */
  | { kind: "remove"; name: string }
  | { kind: "removeOnMatch"; match: StringMatcherSpec };

/** Changes of a header block in the order of the config, each seeing what those before it did. Envoy: Http::HeaderMutations. */
export class OrderedMutations {
  readonly #steps: readonly Step[];

  constructor(specs: readonly HeaderMutationSpec[]) {
    this.#steps = specs.map(linkStep);
  }

  apply(block: HeaderBlock, info: StreamInfo): void {
    for (let i = 0; i < this.#steps.length; i++) (this.#steps[i] as Step).apply(block, info);
  }
}

interface Step {
  apply(block: HeaderBlock, info: StreamInfo): void;
}

/** What a format string gives now. */
export class TemplateValue {
  readonly #constant: string;
  readonly #formatter: ValueFormatter | null;

  /** `template`: as parse found it good. */
  constructor(template: string) {
    const isConstant = !template.includes("%");
    this.#constant = isConstant ? wire(template) : "";
    this.#formatter = isConstant ? null : compileKnown(template, compile);
  }

  of(info: StreamInfo): string {
    return this.#formatter === null ? this.#constant : this.#formatter.format(info);
  }
}

class AppendStep implements Step {
  readonly #name: string;
  readonly #id: number;
  readonly #action: HeaderAddSpec["action"];
  readonly #keepEmpty: boolean;
  readonly #value: TemplateValue;

  constructor({ name, value, action, keepEmpty }: HeaderAddSpec) {
    this.#name = name;
    this.#id = knownId(name);
    this.#action = action;
    this.#keepEmpty = keepEmpty;
    this.#value = new TemplateValue(value);
  }

  apply(block: HeaderBlock, info: StreamInfo): void {
    const value = this.#value.of(info);
    if (value === "" && !this.#keepEmpty) return;
    const name = this.#name;
    switch (this.#action) {
      case "APPEND_IF_EXISTS_OR_ADD":
        block.append(name, value, this.#id);
        return;
      case "ADD_IF_ABSENT":
        if (block.find(name) === null) block.append(name, value, this.#id);
        return;
      case "OVERWRITE_IF_EXISTS_OR_ADD":
        block.set(name, value, this.#id);
        return;
      case "OVERWRITE_IF_EXISTS":
        if (block.find(name) !== null) block.set(name, value, this.#id);
    }
  }
}

class RemoveStep implements Step {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  apply(block: HeaderBlock): void {
    block.remove(this.#name);
  }
}

class RemoveOnMatchStep implements Step {
  readonly #matcher: StringMatcher;

  constructor(match: StringMatcherSpec) {
    this.#matcher = new StringMatcher(match);
  }

  apply(block: HeaderBlock): void {
    for (let i = 0; i < block.size; i++) {
      const name = block.names[i] as string;
      if (name !== "" && this.#matcher.matches(name)) block.remove(name);
    }
  }
}

function linkStep(spec: HeaderMutationSpec): Step {
  switch (spec.kind) {
    case "append":
      return new AppendStep(spec.add);
    case "remove":
      return new RemoveStep(spec.name);
    case "removeOnMatch":
      return new RemoveOnMatchStep(spec.match);
  }
}

function compile(template: string): ValueFormatter | { error: string } {
  const formatter = compileFormat(template, { missing: "" });
  return typeof formatter === "string" ? { error: formatter } : formatter;
}
