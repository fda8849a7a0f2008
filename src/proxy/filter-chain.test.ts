import { expect, test } from "vitest";
import type { Filter } from "../filters/api.ts";
import type { PerFilterSpec } from "../router/spec.ts";
import { FilterChain } from "./filter-chain.ts";

const seesRequests: Filter = { onRequestHead: () => 0 };
const seesBoth: Filter = { onRequestHead: () => 0, onResponseHead: () => 0, linkRoute: (said, name) => said.get(name) };
const on: PerFilterSpec = { type: "T", config: 1, disabled: false };
const off: PerFilterSpec = { type: "", config: null, disabled: true };
const slots = (list: readonly { slot: number }[] | undefined): number[] | undefined => list?.map(({ slot }) => slot);

test("a list a hook: requests first to last, responses last to first, without those that are disabled", () => {
  const chain = new FilterChain([
    { name: "a", type: "", filter: seesBoth, disabled: false },
    { name: "b", type: "", filter: seesRequests, disabled: false },
    { name: "c", type: "", filter: seesBoth, disabled: false },
    { name: "d", type: "", filter: seesBoth, disabled: true },
  ]);
  const variant = chain.variants[0];
  expect(slots(variant?.request.head)).toEqual([0, 1, 2]);
  expect(slots(variant?.response.head)).toEqual([2, 0]);
  expect([variant?.request.data, variant?.destroy]).toEqual([[], []]);
});

test("the most specific level turns a filter on and off; routes that say the same share a variant", () => {
  const chain = new FilterChain([
    { name: "a", type: "", filter: seesBoth, disabled: false },
    { name: "b", type: "", filter: seesBoth, disabled: true },
  ]);
  const first = chain.linkRoute(new Map([["a", [off, on]]]));
  const second = chain.linkRoute(new Map([["a", [off]]]));
  const third = chain.linkRoute(new Map([["b", [on, off]]]));
  const none = chain.linkRoute(new Map([["other", [off]]]));
  expect([first.variant, second.variant, third.variant, none.variant]).toEqual([1, 1, 2, 0]);
  expect(chain.variants.map(({ request }) => slots(request.head))).toEqual([[0], [], [0, 1]]);
  expect(first.overrides).toEqual([[off, on], null]);
  expect(third.overrides).toEqual([null, [on, off]]);
});
