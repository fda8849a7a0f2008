import { create, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema, StringValueSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { unpackAny, unpackAs, unpackExtension } from "./any.ts";
import { Int32RangeSchema } from "./generated/envoy/type/v3/range_pb.ts";
import { TypedStructSchema } from "./generated/xds/type/v3/typed_struct_pb.ts";
import { Problems } from "./problems.ts";

const rangeUrl = "type.googleapis.com/envoy.type.v3.Int32Range";

test("an Any gives its message", () => {
  const problems = new Problems();
  const unpacked = unpackAny(
    any(rangeUrl, toBinary(Int32RangeSchema, create(Int32RangeSchema, { start: 5 }))),
    problems,
    "x",
  );
  expect(unpacked).toMatchObject({ typeUrl: rangeUrl, innerPath: "", message: { start: 5 } });
  expect(problems.list).toEqual([]);
});

test("a TypedStruct gives the message it stands for", () => {
  const unpacked = unpackAny(typedStruct(rangeUrl, { start: 5 }), new Problems(), "x");
  expect(unpacked).toMatchObject({ typeUrl: rangeUrl, innerPath: "value", message: { start: 5 } });
});

test("a fault in a TypedStruct is told with its path", () => {
  const problems = new Problems("filters[0]");
  expect(unpackAny(typedStruct(rangeUrl, { strat: 5 }), problems, "typed_config")).toBeNull();
  expect(problems.list).toMatchObject([{ path: "filters[0].typed_config.value.strat", suggestion: "start" }]);
});

test("a name alone is no extension", () => {
  const problems = new Problems();
  expect(unpackExtension("envoy.filters.http.router", undefined, problems, "typed_config")).toBeNull();
  expect(problems.list[0].envoyText).toBe(
    "Didn't find a registered implementation for 'envoy.filters.http.router' with type URL: ''",
  );
});

test("an unknown type suggests the nearest", () => {
  const problems = new Problems();
  expect(unpackAny(any(`${rangeUrl}r`, new Uint8Array()), problems, "x")).toBeNull();
  expect(problems.list[0].suggestion).toBe("envoy.type.v3.Int32Range");
});

test("bytes that are no message are a problem, not an exception", () => {
  const problems = new Problems();
  expect(unpackAny(any(rangeUrl, Uint8Array.of(0x0a, 0xff)), problems, "x")).toBeNull();
  expect(problems.list[0].reason).toContain("is not a envoy.type.v3.Int32Range");
});

test("another type than the one wanted is refused", () => {
  const problems = new Problems();
  const value = any(
    "type.googleapis.com/google.protobuf.StringValue",
    toBinary(StringValueSchema, create(StringValueSchema)),
  );
  expect(unpackAs(Int32RangeSchema, value, problems, "x")).toBeNull();
  expect(unpackAs(StringValueSchema, value, problems, "x")).toMatchObject({ value: "" });
  expect(problems.list).toHaveLength(1);
});

function any(typeUrl: string, value: Uint8Array): Any {
  return create(AnySchema, { typeUrl, value: new Uint8Array(value) });
}

function typedStruct(typeUrl: string, value: MessageShape<typeof TypedStructSchema>["value"]): Any {
  const bytes = toBinary(TypedStructSchema, create(TypedStructSchema, { typeUrl, value }));
  return any("type.googleapis.com/xds.type.v3.TypedStruct", bytes);
}
