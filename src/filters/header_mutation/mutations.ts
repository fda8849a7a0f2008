import type { HeaderBlock } from "../../http/header-block.ts";
import { knownId } from "../../http/names.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import { isDue, isOverwrite } from "../../router/header-mutation.ts";
import { StringMatcher } from "../../router/matchers.ts";
import type { HeaderAddSpec, StringMatcherSpec } from "../../router/spec.ts";
import { TemplateValue } from "../../router/template-value.ts";

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

class AppendStep implements Step {
  readonly #name: string;
  readonly #id: number;
  readonly #action: HeaderAddSpec["action"];
  readonly #isOverwrite: boolean;
  readonly #keepEmpty: boolean;
  readonly #value: TemplateValue;

  constructor({ name, value, action, keepEmpty }: HeaderAddSpec) {
    this.#name = name;
    this.#id = knownId(name);
    this.#action = action;
    this.#isOverwrite = isOverwrite(action);
    this.#keepEmpty = keepEmpty;
    this.#value = new TemplateValue(value);
  }

  apply(block: HeaderBlock, info: StreamInfo): void {
    const value = this.#value.of(info);
    if (value === "" && !this.#keepEmpty) return;
    if (!isDue(this.#action, block, this.#name)) return;
    if (this.#isOverwrite) block.set(this.#name, value, this.#id);
    else block.append(this.#name, value, this.#id);
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
