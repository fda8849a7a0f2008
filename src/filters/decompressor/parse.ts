import { unpackExtension } from "../../proto/any.ts";
import { checkCoverage } from "../../proto/coverage.ts";
import type { TypedExtensionConfig } from "../../proto/generated/envoy/config/core/v3/extension_pb.ts";
import {
  type Brotli,
  BrotliSchema,
} from "../../proto/generated/envoy/extensions/compression/brotli/decompressor/v3/brotli_pb.ts";
import {
  type Gzip,
  GzipSchema,
} from "../../proto/generated/envoy/extensions/compression/gzip/decompressor/v3/gzip_pb.ts";
import {
  type Zstd,
  ZstdSchema,
} from "../../proto/generated/envoy/extensions/compression/zstd/decompressor/v3/zstd_pb.ts";
import {
  type Decompressor,
  type Decompressor_CommonDirectionConfig,
  DecompressorSchema,
} from "../../proto/generated/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { type FeatureFlagSpec, parseFeatureFlag } from "../feature-flag.ts";

/** extensions.filters.http.decompressor.v3.Decompressor. */
export interface DecompressorSpec {
  /** null after a fault. */
  library: DecompressionLibrarySpec | null;
  advertises: boolean;
  request: DecompressorDirectionSpec;
  response: DecompressorDirectionSpec;
}

export interface DecompressorDirectionSpec {
  enabled: FeatureFlagSpec;
  ignoresNoTransform: boolean;
}

/** A decompressor_library. */
export interface DecompressionLibrarySpec {
  name: string;
  encoding: "gzip" | "br" | "zstd";
  /** How much of what comes out Envoy looks at at a time. */
  chunkBytes: number;
  /** Of gzip. */
  windowBits: number;
  /** What comes out may be so many times as long as what went in. */
  maxRatio: number;
}

export function parseDecompressor(message: Decompressor, problems: Problems): DecompressorSpec {
  checkCoverage(DecompressorSchema, message, problems, {
    honoured: ["decompressor_library", "request_direction_config", "response_direction_config"],
    harmless: [],
  });
  return {
    library: parseLibrary(message.decompressorLibrary, problems.at("decompressor_library")),
    advertises: message.requestDirectionConfig?.advertiseAcceptEncoding ?? true,
    request: parseDirection(message.requestDirectionConfig?.commonConfig),
    response: parseDirection(message.responseDirectionConfig?.commonConfig),
  };
}

function parseDirection(message: Decompressor_CommonDirectionConfig | undefined): DecompressorDirectionSpec {
  return {
    enabled: parseFeatureFlag(message?.enabled),
    ignoresNoTransform: message?.ignoreNoTransformHeader ?? false,
  };
}

function parseLibrary(config: TypedExtensionConfig | undefined, problems: Problems): DecompressionLibrarySpec | null {
  const name = config?.name ?? "";
  const scope = problems.at("typed_config");
  const unpacked = unpackExtension(name, config?.typedConfig, scope, "");
  if (unpacked === null) return null;
  const common = { name, windowBits: defaultWindowBits, maxRatio: defaultMaxRatio };
  switch (unpacked.desc.typeName) {
    case GzipSchema.typeName: {
      const { chunkSize, windowBits, maxInflateRatio } = unpacked.message as Gzip;
      return {
        name,
        encoding: "gzip",
        chunkBytes: chunkSize ?? 4096,
        windowBits: windowBits ?? defaultWindowBits,
        maxRatio: maxInflateRatio ?? defaultMaxRatio,
      };
    }
    case BrotliSchema.typeName:
      // disable_ring_buffer_reallocation is about the library's memory.
      return { ...common, encoding: "br", chunkBytes: (unpacked.message as Brotli).chunkSize ?? 16_384 };
    case ZstdSchema.typeName: {
      const message = unpacked.message as Zstd;
      checkCoverage(ZstdSchema, message, scope, { honoured: ["chunk_size"], harmless: [] });
      return { ...common, encoding: "zstd", chunkBytes: message.chunkSize ?? 131_072 };
    }
    default:
      scope.error("", `is a ${unpacked.desc.typeName}, which decompresses nothing`, {
        envoyText: `Didn't find a registered implementation for type: '${unpacked.desc.typeName}'`,
      });
      return null;
  }
}

const defaultWindowBits = 15;
/** Envoy: GzipDecompressorFactory's default. */
const defaultMaxRatio = 100;
