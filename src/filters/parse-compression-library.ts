import { type BrotliOptions, constants, type ZlibOptions, type ZstdOptions } from "node:zlib";
import { unpackExtension } from "../proto/any.ts";
import { checkCoverage } from "../proto/coverage.ts";
import type { TypedExtensionConfig } from "../proto/generated/envoy/config/core/v3/extension_pb.ts";
import {
  type Brotli,
  Brotli_EncoderMode,
  BrotliSchema,
} from "../proto/generated/envoy/extensions/compression/brotli/compressor/v3/brotli_pb.ts";
import {
  type Gzip,
  Gzip_CompressionLevel,
  GzipSchema,
} from "../proto/generated/envoy/extensions/compression/gzip/compressor/v3/gzip_pb.ts";
import { type Zstd, ZstdSchema } from "../proto/generated/envoy/extensions/compression/zstd/compressor/v3/zstd_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { CompressionLibrarySpec } from "./compression-library.ts";

/** null after telling what is wrong. */
export function parseCompressionLibrary(
  config: TypedExtensionConfig | undefined,
  problems: Problems,
): CompressionLibrarySpec | null {
  const name = config?.name ?? "";
  const scope = problems.at("typed_config");
  const unpacked = unpackExtension(name, config?.typedConfig, scope, "");
  if (unpacked === null) return null;
  const { message } = unpacked;
  switch (message.$typeName) {
    case GzipSchema.typeName:
      return { name, encoding: "gzip", options: gzipOptions(message as Gzip) };
    case BrotliSchema.typeName:
      return { name, encoding: "br", options: brotliOptions(message as Brotli) };
    case ZstdSchema.typeName:
      return { name, encoding: "zstd", options: zstdOptions(message as Zstd, scope) };
    default:
      scope.error("", `is a ${message.$typeName}, which compresses nothing`, {
        envoyText: `Didn't find a registered implementation for type: '${message.$typeName}'`,
      });
      return null;
  }
}

/** What a library gives out at a time: each is a hop to the pool. Envoy's chunk_size is about its memory alone. */
const chunkBytes = 65_536;

/** Defaults are those of Envoy's GzipCompressorFactory. The enums' numbers are zlib's. */
function gzipOptions(message: Gzip): ZlibOptions {
  const level = message.compressionLevel;
  return {
    level: level === Gzip_CompressionLevel.DEFAULT_COMPRESSION ? constants.Z_DEFAULT_COMPRESSION : level,
    strategy: message.compressionStrategy,
    memLevel: message.memoryLevel ?? 5,
    windowBits: message.windowBits ?? 12,
    chunkSize: chunkBytes,
  };
}

/** Defaults are those of Envoy's BrotliCompressorFactory. */
function brotliOptions(message: Brotli): BrotliOptions {
  const mode = message.encoderMode;
  return {
    chunkSize: chunkBytes,
    params: {
      [constants.BROTLI_PARAM_QUALITY]: message.quality ?? 3,
      [constants.BROTLI_PARAM_LGWIN]: message.windowBits ?? 18,
      [constants.BROTLI_PARAM_LGBLOCK]: message.inputBlockBits ?? 24,
      [constants.BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING]: message.disableLiteralContextModeling,
      [constants.BROTLI_PARAM_MODE]:
        mode === Brotli_EncoderMode.TEXT
          ? constants.BROTLI_MODE_TEXT
          : mode === Brotli_EncoderMode.FONT
            ? constants.BROTLI_MODE_FONT
            : constants.BROTLI_MODE_GENERIC,
    },
  };
}

function zstdOptions(message: Zstd, problems: Problems): ZstdOptions {
  checkCoverage(ZstdSchema, message, problems, {
    honoured: ["compression_level", "enable_checksum", "strategy", "chunk_size"],
    harmless: [],
  });
  return {
    chunkSize: chunkBytes,
    params: {
      [constants.ZSTD_c_compressionLevel]: message.compressionLevel ?? 3,
      [constants.ZSTD_c_checksumFlag]: message.enableChecksum,
      ...(message.strategy === 0 ? {} : { [constants.ZSTD_c_strategy]: message.strategy }),
    },
  };
}
