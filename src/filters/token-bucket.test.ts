import { expect, test } from "vitest";
import { newTokenBucket, TokenBucket } from "./token-bucket.ts";

/** So slow that it does not fill while a test runs. */
const bucketOf = (maxTokens: number, tokens?: number): TokenBucket => {
  const { fillRate, memory } = newTokenBucket(maxTokens, 1, 1_000_000, tokens);
  return new TokenBucket(maxTokens, fillRate, memory, 0);
};

test("a bucket begins full, or with what it is given", () => {
  expect(bucketOf(10).remaining).toBe(10);
  expect(bucketOf(10, 3.5).remaining).toBe(3);
});

test("all or nothing is taken, or as many whole tokens as there are", () => {
  const bucket = bucketOf(10);
  expect(bucket.take(4)).toBe(true);
  expect(bucket.take(7)).toBe(false);
  expect(bucket.takeUpTo(2)).toBe(2);
  expect(bucket.takeUpTo(7)).toBe(4);
  expect(bucket.takeUpTo(7)).toBe(0);
  expect(bucket.take(1)).toBe(false);
});

test("the objects of one memory take from one bucket", () => {
  const { fillRate, memory } = newTokenBucket(10, 1, 1_000_000);
  const [one, other] = [new TokenBucket(10, fillRate, memory, 0), new TokenBucket(10, fillRate, memory, 0)];
  expect(one.takeUpTo(6)).toBe(6);
  expect(other.takeUpTo(6)).toBe(4);
});
