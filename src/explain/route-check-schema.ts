import { create, createFileRegistry, type DescMessage, setExtension } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_duration,
  file_google_protobuf_struct,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";
import { file_envoy_config_core_v3_base } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import { file_envoy_config_route_v3_route_components } from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import { FieldRulesSchema, rules } from "../proto/generated/validate/validate_pb.ts";

// The tests of Envoy's router check tool: envoy.RouterCheckToolSchema, which is no part of the API. Its fields have the names of
// theirs, but not their numbers: such files are JSON, YAML or the text format, which know names alone.

/** [name, type, what else]: a type with a dot is a message; "*" a repeated field, "+" one that must be said, "+n" with n bytes at least. */
type Field = readonly [name: string, type: string, rule?: "*" | "+" | "+1" | "+3"];

const messages: Readonly<Record<string, readonly Field[]>> = {
  Validation: [
    ["tests", ".ValidationItem", "*"],
    ["runtime", "google.protobuf.Struct"],
  ],
  ValidationItem: [
    ["test_name", "string", "+1"],
    ["input", ".ValidationInput", "+"],
    ["validate", ".ValidationAssert", "+"],
  ],
  ValidationInput: [
    ["authority", "string", "+1"],
    ["path", "string", "+1"],
    ["method", "string", "+3"],
    ["random_value", "uint64"],
    ["ssl", "bool"],
    ["internal", "bool"],
    ["runtime", "string"],
    ["additional_request_headers", "envoy.config.core.v3.HeaderValue", "*"],
    ["additional_response_headers", "envoy.config.core.v3.HeaderValue", "*"],
    ["dynamic_metadata", ".DynamicMetadata", "*"],
  ],
  DynamicMetadata: [
    ["metadata_namespace", "string", "+1"],
    ["value", "google.protobuf.Struct"],
    ["allow_overwrite", "bool"],
  ],
  ValidationAssert: [
    ["cluster_name", "google.protobuf.StringValue"],
    ["virtual_cluster_name", "google.protobuf.StringValue"],
    ["virtual_host_name", "google.protobuf.StringValue"],
    ["host_rewrite", "google.protobuf.StringValue"],
    ["path_rewrite", "google.protobuf.StringValue"],
    ["path_redirect", "google.protobuf.StringValue"],
    ["code_redirect", "google.protobuf.UInt32Value"],
    ["timeout", "google.protobuf.Duration"],
    ["request_header_fields", "envoy.config.core.v3.HeaderValue", "*"],
    ["response_header_fields", "envoy.config.core.v3.HeaderValue", "*"],
    ["request_header_matches", "envoy.config.route.v3.HeaderMatcher", "*"],
    ["response_header_matches", "envoy.config.route.v3.HeaderMatcher", "*"],
    ["route_metadata", ".RouteMetadata", "*"],
  ],
  RouteMetadata: [
    ["namespace", "string", "+1"],
    ["key", "string", "+1"],
    ["value", "string"],
  ],
};

/** What a file of tests is read as. */
export function validationSchema(): DescMessage {
  const file = create(FileDescriptorProtoSchema, {
    name: "router_check.proto",
    package: pkg,
    syntax: "proto3",
    dependency: dependencies.map(({ proto }) => proto.name),
    messageType: Object.entries(messages).map(([name, fields]) => messageOf(name, fields)),
  });
  const registry = createFileRegistry(file, (name) => dependencies.find(({ proto }) => proto.name === name));
  const schema = registry.getMessage(`${pkg}.Validation`);
  if (schema === undefined) throw new Error("the schema of tests lacks its root");
  return schema;
}

function messageOf(name: string, fields: readonly Field[]): DescriptorProto {
  return create(DescriptorProtoSchema, {
    name,
    field: fields.map(([field, type, rule], i) => {
      const isMessage = type.includes(".");
      return create(FieldDescriptorProtoSchema, {
        name: field,
        jsonName: field.replace(/_./g, (part) => part.slice(1).toUpperCase()),
        number: i + 1,
        label: rule === "*" ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
        type: isMessage ? FieldDescriptorProto_Type.MESSAGE : scalars[type as keyof typeof scalars],
        typeName: isMessage ? (type.startsWith(".") ? `.${pkg}${type}` : `.${type}`) : "",
        ...(rule === undefined ? {} : { options: optionsOf(rule) }),
      });
    }),
  });
}

function optionsOf(rule: "*" | "+" | "+1" | "+3") {
  const options = create(FieldOptionsSchema);
  if (rule === "*") return options;
  const minLen = BigInt(rule.slice(1));
  const init =
    rule === "+" ? { message: { required: true } } : { type: { case: "string" as const, value: { minLen } } };
  setExtension(options, rules, create(FieldRulesSchema, init));
  return options;
}

const pkg = "envoy.RouterCheckToolSchema";
const dependencies = [
  file_envoy_config_core_v3_base,
  file_envoy_config_route_v3_route_components,
  file_google_protobuf_duration,
  file_google_protobuf_struct,
  file_google_protobuf_wrappers,
];
const scalars = {
  string: FieldDescriptorProto_Type.STRING,
  bool: FieldDescriptorProto_Type.BOOL,
  uint64: FieldDescriptorProto_Type.UINT64,
};
