import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../../proto/generated/envoy/config/route/v3/route_pb.ts";
import { Problems } from "../../proto/problems.ts";
import { ResourceRecords, readResource } from "./records.ts";

const bytesOf = (name: string) => toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { name }));
const routes = (name: string): RouteConfiguration => create(RouteConfigurationSchema, { name });

test("a version that is refused stands beside the accepted one, until that one is confirmed or another accepted", () => {
  const records = new ResourceRecords();
  records.accept("a", "1", () => routes("a"), bytesOf("a"), false);
  const problems = new Problems();
  problems.error("name", "is wrong");
  problems.warning("name", "is odd");
  expect(records.refuse("a", "2", problems, routes("b"))).toBe('name: is wrong (it is "b")');
  expect(records.get("a")).toMatchObject({ version: "1", refusal: { version: "2", message: { name: "b" } } });
  expect(records.get("a")?.refusal?.problems).toHaveLength(1);
  expect(records.confirm("a", bytesOf("b"))).toBe(false);
  expect(records.get("a")?.refusal).not.toBe(null);
  expect(records.confirm("a", bytesOf("a"))).toBe(true);
  expect(records.get("a")?.refusal).toBe(null);
});

test("what is in force while another version is warming is the last one that was warm", () => {
  const records = new ResourceRecords();
  const first = records.accept("a", "1", () => routes("a"), bytesOf("a"), true);
  expect(first.before).toBe(null);
  expect(records.accept("a", "2", () => routes("a"), bytesOf("a"), true).before).toBe(null);
  const third = records.accept("a", "3", () => routes("a"), bytesOf("a"), true);
  third.isWarming = false;
  expect(records.accept("a", "4", () => routes("a"), bytesOf("a"), true).before).toMatchObject({ version: "3" });
  expect(records.accept("a", "5", () => routes("a"), bytesOf("a"), true).before).toMatchObject({ version: "3" });
  expect(records.get("a")?.before).not.toHaveProperty("before");
});

test("what is refused without a name is over with the next update", () => {
  const records = new ResourceRecords();
  const problems = new Problems();
  problems.error("", "cannot be read");
  records.refuse("", "1", problems, null);
  expect(records.takeChanges()).toMatchObject([{ name: "", outcome: "REFUSED" }]);
  expect(records.all()).toHaveLength(1);
  records.accept("a", "2", () => routes("a"), bytesOf("a"), false);
  expect(records.takeChanges()).toMatchObject([{ name: "a", outcome: "ADDED" }]);
  expect(records.all()).toHaveLength(1);
});

test("a resource does not keep the memory of the response that it came in", () => {
  const response = new Uint8Array(10_000);
  response.set(bytesOf("a"), 5000);
  const value = response.subarray(5000, 5000 + bytesOf("a").length);
  const any = create(AnySchema, { typeUrl: `type.googleapis.com/${RouteConfigurationSchema.typeName}`, value });
  expect(readResource(RouteConfigurationSchema, any, new Problems())?.name).toBe("a");
  expect(any.value.buffer.byteLength).toBe(bytesOf("a").length);
});
