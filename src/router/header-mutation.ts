import type { HeaderBlock } from "../http/header-block.ts";
import { knownId } from "../http/names.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { AppendAction, HeaderAddSpec } from "./spec.ts";
import { wire } from "./text.ts";

/** A compiled format string. */
export interface ValueFormatter {
  format(info: StreamInfo): string;
}

/** Compiles a format string with %OPERATORS%, or says what is wrong with it. `missing`: how a value that is not there formats, "" unless said. */
export type CompileValue = (template: string, missing?: "-" | "") => ValueFormatter | { error: string };

/** The additions and removals of one level and direction. Removals come first, then overwrites, then additions. */
export class HeaderMutations {
  readonly #additions: Addition[];
  readonly #removals: string[];

  constructor(add: readonly HeaderAddSpec[], remove: readonly string[], compile: CompileValue) {
    this.#additions = add.map((spec) => compileAddition(spec, compile));
    this.#removals = [...remove];
  }

  get isEmpty(): boolean {
    return this.#additions.length === 0 && this.#removals.length === 0;
  }

  /** Envoy HeaderParser::evaluateHeaders: every value is computed before the first addition is made. */
  apply(block: HeaderBlock, info: StreamInfo): void {
    for (let i = 0; i < this.#removals.length; i++) block.remove(this.#removals[i] as string);
    const additions = this.#additions;
    for (let i = 0; i < additions.length; i++) evaluate(additions[i] as Addition, block, info);
    for (let i = 0; i < additions.length; i++) {
      const addition = additions[i] as Addition;
      if (addition.isDue && addition.isOverwrite) block.set(addition.name, addition.value, addition.id);
    }
    for (let i = 0; i < additions.length; i++) {
      const addition = additions[i] as Addition;
      if (addition.isDue && !addition.isOverwrite) block.append(addition.name, addition.value, addition.id);
    }
  }
}

/** The non-empty of the levels, in the order they are applied. Envoy: route, virtual host, config, the later wins; or the reverse. */
export function mutationOrder(
  route: HeaderMutations,
  vhost: HeaderMutations,
  config: HeaderMutations,
  mostSpecificWins: boolean,
): HeaderMutations[] {
  const levels = mostSpecificWins ? [config, vhost, route] : [route, vhost, config];
  return levels.filter((level) => !level.isEmpty);
}

/** Compiles a template that parse has found good. */
export function compileKnown(template: string, compile: CompileValue, missing: "-" | "" = ""): ValueFormatter {
  const formatter = compile(template, missing);
  if ("error" in formatter) throw new Error(`a template that parse accepted does not compile: ${formatter.error}`);
  return formatter;
}

interface Addition {
  readonly name: string;
  readonly id: number;
  readonly action: AppendAction;
  readonly isOverwrite: boolean;
  readonly keepEmpty: boolean;
  /** null: `value` is constant. */
  readonly formatter: ValueFormatter | null;
  value: string;
  isDue: boolean;
}

function evaluate(addition: Addition, block: HeaderBlock, info: StreamInfo): void {
  if (addition.formatter !== null) addition.value = addition.formatter.format(info);
  addition.isDue = (addition.value !== "" || addition.keepEmpty) && isDue(addition.action, block, addition.name);
}

/** Whether an action does anything to a block as it is. */
export function isDue(action: AppendAction, block: HeaderBlock, name: string): boolean {
  switch (action) {
    case "APPEND_IF_EXISTS_OR_ADD":
    case "OVERWRITE_IF_EXISTS_OR_ADD":
      return true;
    case "ADD_IF_ABSENT":
      return block.find(name) === null;
    case "OVERWRITE_IF_EXISTS":
      return block.find(name) !== null;
  }
}

/** It replaces what is there. */
export function isOverwrite(action: AppendAction): boolean {
  return action.startsWith("OVERWRITE");
}

function compileAddition(spec: HeaderAddSpec, compile: CompileValue): Addition {
  const isConstant = !spec.value.includes("%");
  return {
    name: spec.name,
    id: knownId(spec.name),
    action: spec.action,
    isOverwrite: isOverwrite(spec.action),
    keepEmpty: spec.keepEmpty,
    formatter: isConstant ? null : compileKnown(spec.value, compile),
    value: isConstant ? wire(spec.value) : "",
    isDue: false,
  };
}
