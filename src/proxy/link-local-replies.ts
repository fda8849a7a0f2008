import type { FilterContext } from "../observability/access-log-filter.ts";
import { linkFilter } from "../observability/access-log-filter.ts";
import { linkBodyFormat } from "../observability/body-format.ts";
import { compileFormat } from "../observability/format.ts";
import { HeaderMutations } from "../router/header-mutation.ts";
import type { LinkedMapper } from "./local-reply-mapper.ts";
import { LocalReplyMapper } from "./local-reply-mapper.ts";
import type { LocalReplySpec } from "./spec.ts";

/** LocalReplyConfig's Spec to its live mapper. */
export function linkLocalReplies(spec: LocalReplySpec, context: FilterContext): LocalReplyMapper {
  const mappers = spec.mappers.map((mapper): LinkedMapper => {
    const filter = mapper.filter === null ? null : linkFilter(mapper.filter, context);
    const mutations = new HeaderMutations(mapper.headersToAdd, [], (template) => {
      const formatter = compileFormat(template, { missing: "" });
      return typeof formatter === "string" ? { error: formatter } : formatter;
    });
    return {
      passes: (info) => filter === null || filter(info),
      statusCode: mapper.statusCode,
      body: mapper.body,
      bodyFormat: linkBodyFormat(mapper.bodyFormat),
      addHeaders: (head, info) => mutations.apply(head, info),
    };
  });
  return new LocalReplyMapper(mappers, linkBodyFormat(spec.bodyFormat));
}
