import {
  type BrotliOptions,
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  gzipSync,
  type ZlibOptions,
  type ZstdOptions,
  zstdCompressSync,
} from "node:zlib";
import type { CodingStream } from "./coded-body.ts";

/** A compressor_library. */
export type CompressionLibrarySpec = { name: string } & (
  | { encoding: "gzip"; options: ZlibOptions }
  | { encoding: "br"; options: BrotliOptions }
  | { encoding: "zstd"; options: ZstdOptions }
);

/** What stats of each library begin with. */
export const libraryStatPrefix = { gzip: "gzip.", br: "brotli.", zstd: "zstd." } as const;

/** The whole body at once. */
export function compressWhole(library: CompressionLibrarySpec, bytes: Buffer): Buffer {
  switch (library.encoding) {
    case "gzip":
      return gzipSync(bytes, library.options);
    case "br":
      return brotliCompressSync(bytes, library.options);
    case "zstd":
      return zstdCompressSync(bytes, library.options);
  }
}

/** A stream that gives out what it was given with every write, as Envoy's compressors do. */
export function newCompressor(library: CompressionLibrarySpec): CodingStream {
  switch (library.encoding) {
    case "gzip":
      return createGzip({ ...library.options, flush: constants.Z_SYNC_FLUSH });
    case "br":
      return createBrotliCompress({ ...library.options, flush: constants.BROTLI_OPERATION_FLUSH });
    case "zstd":
      return createZstdCompress({ ...library.options, flush: constants.ZSTD_e_flush });
  }
}
