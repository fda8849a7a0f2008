import { checkCoverage } from "../../proto/coverage.ts";
import {
  type Compressor,
  type Compressor_CommonDirectionConfig,
  Compressor_CommonDirectionConfigSchema,
  Compressor_ResponseDirectionConfigSchema,
  type CompressorPerRoute,
  CompressorSchema,
} from "../../proto/generated/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseStringMatcher } from "../../router/parse-match.ts";
import type { StringMatcherSpec } from "../../router/spec.ts";
import type { CompressionLibrarySpec } from "../compression-library.ts";
import { type FeatureFlagSpec, parseFeatureFlag } from "../feature-flag.ts";
import { parseCompressionLibrary } from "../parse-compression-library.ts";

/** extensions.filters.http.compressor.v3.Compressor. */
export interface CompressorSpec {
  /** null after a fault. */
  library: CompressionLibrarySpec | null;
  chooseFirst: boolean;
  /** null: no request is compressed. */
  request: CompressorDirectionSpec | null;
  response: CompressorDirectionSpec;
  /** False: said by the deprecated fields, its stats stand under no direction. */
  hasResponseConfig: boolean;
  disableOnEtag: boolean;
  weakenEtag: boolean;
  removeAcceptEncoding: boolean;
  uncompressibleCodes: number[];
  tellsStatus: boolean;
}

export interface CompressorDirectionSpec {
  enabled: FeatureFlagSpec;
  minBytes: number;
  /** Lower-case; a message without any type is compressed too. */
  types: string[];
  /** Where there are some, types do not count. */
  typeMatchers: StringMatcherSpec[];
}

/** CompressorPerRoute; null for what is the filter's. */
export interface CompressorRouteSpec {
  isResponseEnabled: boolean | null;
  removeAcceptEncoding: boolean | null;
  library: CompressionLibrarySpec | null;
}

export function parseCompressor(message: Compressor, problems: Problems): CompressorSpec {
  checkCoverage(CompressorSchema, message, problems, { honoured, harmless: [] });
  const { responseDirectionConfig: response, requestDirectionConfig: request } = message;
  if (response !== undefined) {
    checkCoverage(Compressor_ResponseDirectionConfigSchema, response, problems.at("response_direction_config"), {
      honoured: honouredOfResponse,
      harmless: [],
    });
  }
  return {
    library: parseCompressionLibrary(message.compressorLibrary, problems.at("compressor_library")),
    chooseFirst: message.chooseFirst,
    request:
      request === undefined
        ? null
        : parseDirection(request.commonConfig, problems.at("request_direction_config.common_config")),
    response:
      response === undefined
        ? {
            enabled: parseFeatureFlag(message.runtimeEnabled),
            minBytes: message.contentLength || defaultMinBytes,
            ...parseTypes(message.contentType, []),
          }
        : parseDirection(response.commonConfig, problems.at("response_direction_config.common_config")),
    hasResponseConfig: response !== undefined,
    disableOnEtag: (response ?? message).disableOnEtagHeader,
    weakenEtag: response?.weakenEtagOnCompress ?? false,
    removeAcceptEncoding: (response ?? message).removeAcceptEncodingHeader,
    uncompressibleCodes: response?.uncompressibleResponseCodes ?? [],
    tellsStatus: response?.statusHeaderEnabled ?? false,
  };
}

export function parseCompressorPerRoute(message: CompressorPerRoute, problems: Problems): CompressorRouteSpec {
  const { override } = message;
  if (override.case !== "overrides") return { isResponseEnabled: false, removeAcceptEncoding: null, library: null };
  const { responseDirectionConfig: response, compressorLibrary: library } = override.value;
  return {
    isResponseEnabled: response === undefined ? null : true,
    removeAcceptEncoding: response?.removeAcceptEncodingHeader ?? null,
    library:
      library === undefined ? null : parseCompressionLibrary(library, problems.at("overrides.compressor_library")),
  };
}

function parseDirection(
  message: Compressor_CommonDirectionConfig | undefined,
  problems: Problems,
): CompressorDirectionSpec {
  if (message !== undefined) {
    checkCoverage(Compressor_CommonDirectionConfigSchema, message, problems, {
      honoured: ["enabled", "min_content_length", "content_type", "content_type_matcher"],
      harmless: [],
    });
  }
  return {
    enabled: parseFeatureFlag(message?.enabled),
    minBytes: message?.minContentLength || defaultMinBytes,
    ...parseTypes(
      message?.contentType ?? [],
      (message?.contentTypeMatcher ?? []).map((one, i) =>
        parseStringMatcher(one, problems.at(`content_type_matcher[${i}]`)),
      ),
    ),
  };
}

function parseTypes(
  types: readonly string[],
  typeMatchers: StringMatcherSpec[],
): Pick<CompressorDirectionSpec, "types" | "typeMatchers"> {
  if (typeMatchers.length > 0) return { types: [], typeMatchers };
  return { types: types.length > 0 ? types.map((type) => type.toLowerCase()) : [...defaultTypes], typeMatchers };
}

const defaultMinBytes = 30;
/** Envoy: defaultContentEncoding() in compressor_filter.cc. */
const defaultTypes = [
  "text/html",
  "text/plain",
  "text/css",
  "application/javascript",
  "application/x-javascript",
  "text/javascript",
  "text/x-javascript",
  "text/ecmascript",
  "text/js",
  "text/jscript",
  "text/x-js",
  "application/ecmascript",
  "application/x-json",
  "application/xml",
  "application/json",
  "image/svg+xml",
  "text/xml",
  "application/xhtml+xml",
  "application/grpc-web",
  "application/grpc-web+proto",
];
const honoured = [
  "content_length",
  "content_type",
  "disable_on_etag_header",
  "remove_accept_encoding_header",
  "runtime_enabled",
  "compressor_library",
  "request_direction_config",
  "response_direction_config",
  "choose_first",
] as const;
const honouredOfResponse = [
  "common_config",
  "disable_on_etag_header",
  "weaken_etag_on_compress",
  "remove_accept_encoding_header",
  "uncompressible_response_codes",
  "status_header_enabled",
] as const;
