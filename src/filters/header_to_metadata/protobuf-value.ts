import { fromBinary, toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";

/** google.protobuf.Value of its bytes; undefined where they are none. */
export function protobufValue(bytes: Buffer): unknown {
  try {
    const value = fromBinary(ValueSchema, bytes);
    return value.kind.case === undefined ? null : toJson(ValueSchema, value);
  } catch {
    // Bytes of a client's: protobuf-es says by throwing that they are no message.
    return undefined;
  }
}
