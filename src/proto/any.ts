import { type DescMessage, fromBinary, type Message, type MessageShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { TypedStructSchema as UdpaTypedStructSchema } from "./generated/udpa/type/v1/typed_struct_pb.ts";
import { TypedStructSchema as XdsTypedStructSchema } from "./generated/xds/type/v3/typed_struct_pb.ts";
import { readJson, type UnknownFields } from "./json-tree.ts";
import { Problems } from "./problems.ts";
import { suggest } from "./suggest.ts";
import { findMessage, messageNames, typeNameOf } from "./type-registry.ts";

/** What an Any held. */
export interface Unpacked {
  /** Type URL of the message itself; of the inner type where it came as a TypedStruct. */
  typeUrl: string;
  desc: DescMessage;
  message: Message;
  /** Path of the message's own fields under that of the Any: "", or "value" in a TypedStruct. */
  innerPath: string;
}

/**
 * The message in an Any. A TypedStruct (xds and udpa) gives the message it stands for. Null after telling what is
 * wrong: no Any, a type that is not of the Envoy API, bytes that are not of that type.
 */
export function unpackAny(
  any: Any | undefined,
  problems: Problems,
  path: string,
  unknownFields: UnknownFields = "refuse",
): Unpacked | null {
  return unpackExtension("", any, problems, path, unknownFields);
}

/**
 * The message of an extension config `{name, typed_config}`. Envoy 1.40 finds extensions by their type alone, so that a
 * name without a typed_config is refused; the name is for the error's text.
 */
export function unpackExtension(
  name: string,
  any: Any | undefined,
  problems: Problems,
  path: string,
  unknownFields: UnknownFields = "refuse",
): Unpacked | null {
  const typeUrl = any?.typeUrl ?? "";
  if (any === undefined || typeUrl === "") {
    problems.error(path, 'is missing: Envoy finds an extension by the "@type" of its typed_config, not by its name', {
      envoyText: noImplementation(name, ""),
    });
    return null;
  }
  const desc = findOrTell(typeUrl, name, problems, path);
  if (desc === null) return null;
  const message = decode(desc, any, problems, path);
  if (message === null) return null;
  if (!isTypedStruct(message)) return { typeUrl, desc, message, innerPath: "" };

  const inner = findOrTell(message.typeUrl, name, problems, path);
  if (inner === null) return null;
  const before = problems.errorCount;
  const value = readJson(inner, message.value ?? {}, problems.at(path).at("value"), unknownFields);
  if (value === null || problems.errorCount > before) return null;
  return { typeUrl: message.typeUrl, desc: inner, message: value, innerPath: "value" };
}

/** The message in an Any that must be of one given type; null after telling that it is another, or not readable. */
export function unpackAs<Desc extends DescMessage>(
  schema: Desc,
  any: Any | undefined,
  problems: Problems,
  path: string,
): MessageShape<Desc> | null {
  const unpacked = unpackAny(any, problems, path);
  if (unpacked === null) return null;
  if (unpacked.desc.typeName === schema.typeName) return unpacked.message as MessageShape<Desc>;
  problems.error(path, `is a ${unpacked.desc.typeName}, not a ${schema.typeName}`, {
    envoyText: `Unable to unpack as ${schema.typeName}: ${unpacked.typeUrl}`,
  });
  return null;
}

/** Type URL of the message that unpackAny would give: in a TypedStruct the inner one. Says nothing of whether it exists. */
export function innerTypeUrl(any: Any): string {
  const desc = findMessage(typeNameOf(any.typeUrl));
  const message = desc === null || !typedStructs.has(desc.typeName) ? null : decode(desc, any, new Problems(), "");
  return message !== null && isTypedStruct(message) ? message.typeUrl : any.typeUrl;
}

function findOrTell(typeUrl: string, name: string, problems: Problems, path: string): DescMessage | null {
  const typeName = typeNameOf(typeUrl);
  const desc = findMessage(typeName);
  if (desc === null) {
    problems.error(path, `there is no extension of type "${typeUrl}"`, {
      suggestion: suggest(typeName, messageNames()),
      envoyText: noImplementation(name, typeName),
    });
  }
  return desc;
}

function decode(desc: DescMessage, any: Any, problems: Problems, path: string): Message | null {
  try {
    return fromBinary(desc, any.value);
  } catch (error) {
    // fromBinary throws on bytes that are not the wire format; they come from the control plane or a .pb file.
    problems.error(path, `is not a ${desc.typeName}: ${error instanceof Error ? error.message : String(error)}`, {
      envoyText: `Unable to unpack as ${desc.typeName}: [${any.typeUrl}]`,
    });
    return null;
  }
}

function isTypedStruct(message: Message): message is MessageShape<typeof XdsTypedStructSchema> {
  return typedStructs.has(message.$typeName);
}

/** Envoy's words for an extension that there is not. */
export function noImplementation(name: string, typeName: string): string {
  return `Didn't find a registered implementation for '${name}' with type URL: '${typeName}'`;
}

/** Two names of one shape. */
const typedStructs: ReadonlySet<string> = new Set([XdsTypedStructSchema.typeName, UdpaTypedStructSchema.typeName]);
