import { isIP } from "node:net";
import type { HeaderMutationSpec } from "../filters/header_mutation/mutations.ts";
import { parseMutationList } from "../filters/header_mutation/parse.ts";
import { unpackExtension } from "../proto/any.ts";
import type { CidrRange } from "../proto/generated/envoy/config/core/v3/address_pb.ts";
import type { TypedExtensionConfig } from "../proto/generated/envoy/config/core/v3/extension_pb.ts";
import type { HttpConnectionManager } from "../proto/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import {
  type HeaderMutation,
  HeaderMutationSchema,
} from "../proto/generated/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.ts";
import {
  type CustomHeaderConfig,
  CustomHeaderConfigSchema,
} from "../proto/generated/envoy/extensions/http/original_ip_detection/custom_header/v3/custom_header_pb.ts";
import {
  type XffConfig,
  XffConfigSchema,
} from "../proto/generated/envoy/extensions/http/original_ip_detection/xff/v3/xff_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { parseHeaderName } from "../router/parse-headers.ts";
import type { OriginalIpSpec } from "./original-ip.ts";

/** early_header_mutation_extensions: the changes of all, one behind the other. */
export function parseEarlyMutations(message: HttpConnectionManager, problems: Problems): HeaderMutationSpec[] {
  return message.earlyHeaderMutationExtensions.flatMap((extension, i) => {
    const scope = problems.at(`early_header_mutation_extensions[${i}]`);
    const found = unpack(extension, [HeaderMutationSchema.typeName], "Early header mutation", scope);
    if (found === null) return [];
    return parseMutationList((found.message as HeaderMutation).mutations, found.problems.at("mutations"));
  });
}

/** original_ip_detection_extensions. */
export function parseOriginalIp(message: HttpConnectionManager, problems: Problems): OriginalIpSpec[] {
  const extensions = message.originalIpDetectionExtensions;
  if (extensions.length === 0) return [];
  const refuseBoth = (field: string) => {
    const text = `Original IP detection extensions and ${field} may not be mixed`;
    problems.error("original_ip_detection_extensions", text, { envoyText: text });
  };
  if (message.useRemoteAddress === true) refuseBoth("use_remote_address");
  else if (message.xffNumTrustedHops > 0) refuseBoth("xff_num_trusted_hops");
  return extensions.flatMap((extension, i) => {
    const scope = problems.at(`original_ip_detection_extensions[${i}]`);
    const found = unpack(
      extension,
      [XffConfigSchema.typeName, CustomHeaderConfigSchema.typeName],
      "Original IP detection",
      scope,
    );
    if (found === null) return [];
    if (found.type === XffConfigSchema.typeName) return [parseXff(found.message as XffConfig, found.problems)];
    return [parseCustomHeader(found.message as CustomHeaderConfig)];
  });
}

function parseXff(message: XffConfig, problems: Problems): OriginalIpSpec {
  const { xffNumTrustedHops: trustedHops, xffTrustedCidrs } = message;
  if (xffTrustedCidrs !== undefined && trustedHops > 0) {
    const text = "Cannot set both xff_num_trusted_hops and xff_trusted_cidrs";
    problems.error("xff_trusted_cidrs", text, { envoyText: text });
  }
  const ranges = (xffTrustedCidrs?.cidrs ?? []).filter((range, i) => {
    const isSound = isRange(range);
    // Envoy leaves such a range out without a word.
    if (!isSound) problems.warning(`xff_trusted_cidrs.cidrs[${i}]`, "is no range of addresses and is left out");
    return isSound;
  });
  return {
    kind: "xff",
    trustedHops,
    trustedCidrs: ranges.map(({ addressPrefix, prefixLen }) => ({
      address: addressPrefix,
      prefixLength: prefixLen ?? 0,
    })),
    skipsAppend: message.skipXffAppend ?? true,
  };
}

function parseCustomHeader(message: CustomHeaderConfig): OriginalIpSpec {
  const reject = message.rejectWithStatus;
  // Envoy: CustomHeaderIPDetection::toErrorCode.
  const code = reject === undefined ? 0 : reject.code >= 400 && reject.code <= 599 ? reject.code : 403;
  return {
    kind: "header",
    name: parseHeaderName(message.headerName),
    isTrusted: message.allowExtensionToSetAddressAsTrusted,
    rejectStatus: code,
  };
}

function isRange({ addressPrefix, prefixLen = 0 }: CidrRange): boolean {
  const kind = isIP(addressPrefix);
  return kind !== 0 && prefixLen <= (kind === 4 ? 32 : 128);
}

/** null after telling why it is not taken. */
function unpack({ name, typedConfig }: TypedExtensionConfig, types: string[], what: string, problems: Problems) {
  const unpacked = unpackExtension(name, typedConfig, problems, "typed_config");
  if (unpacked === null) return null;
  const scope = problems.at("typed_config").at(unpacked.innerPath);
  const type = unpacked.desc.typeName;
  if (types.includes(type)) return { type, message: unpacked.message, problems: scope };
  scope.error("", `a ${type} is not implemented here`, { envoyText: `${what} extension not found: '${name}'` });
  return null;
}
