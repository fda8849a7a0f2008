/** Writes src/proto/generated from the committed descriptors of the Envoy v3 API. Needs neither protoc nor a network. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";

const root = join(import.meta.dirname, "..");
const out = join(root, "src/proto/generated");
const set = fromBinary(
  FileDescriptorSetSchema,
  gunzipSync(readFileSync(join(root, "scripts/descriptors/envoy-v3.binpb.gz"))),
);

const request = create(CodeGeneratorRequestSchema, {
  parameter: "target=ts,erasable_syntax=true,import_extension=ts",
  protoFile: set.file,
  // The well-known types come from the runtime library.
  fileToGenerate: set.file.map((file) => file.name).filter((name) => !name.startsWith("google/protobuf/")),
});
const plugin = join(root, "node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es");
const run = spawnSync(process.execPath, [plugin], {
  input: toBinary(CodeGeneratorRequestSchema, request),
  maxBuffer: 1 << 28,
});
if (run.status !== 0) throw new Error(`protoc-gen-es failed: ${run.stderr}`);
const response = fromBinary(CodeGeneratorResponseSchema, run.stdout);
if (response.error) throw new Error(response.error);

rmSync(out, { recursive: true, force: true });
for (const file of response.file) {
  const path = join(out, file.name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, file.content);
}
writeFileSync(join(out, ".stamp"), `${response.file.length} files\n`);
console.log(`src/proto/generated: ${response.file.length} files`);
