import { checkCoverage } from "../../proto/coverage.ts";
import {
  type Buffer,
  type BufferPerRoute,
  BufferPerRouteSchema,
  BufferSchema,
} from "../../proto/generated/envoy/extensions/filters/http/buffer/v3/buffer_pb.ts";
import type { Problems } from "../../proto/problems.ts";

/** extensions.filters.http.buffer.v3.Buffer or BufferPerRoute. */
export interface BufferSpec {
  /** null: it does nothing. */
  maxBytes: number | null;
}

export function parseBuffer(message: Buffer, problems: Problems): BufferSpec {
  checkCoverage(BufferSchema, message, problems, { honoured: ["max_request_bytes"], harmless: [] });
  return { maxBytes: message.maxRequestBytes ?? null };
}

export function parseBufferPerRoute(message: BufferPerRoute, problems: Problems): BufferSpec {
  checkCoverage(BufferPerRouteSchema, message, problems, { honoured: ["disabled", "buffer"], harmless: [] });
  const { override } = message;
  return override.case === "buffer" ? parseBuffer(override.value, problems.at("buffer")) : { maxBytes: null };
}
