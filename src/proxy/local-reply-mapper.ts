import type { ResponseHead } from "../http/header-block.ts";
import type { StreamInfo } from "../observability/stream-info.ts";

export interface MappedReply {
  body: string;
  /** "" keeps text/plain. */
  contentType: string;
}

interface Formatter {
  format(info: StreamInfo): string;
}

/** One linked entry of local_reply_config.mappers. */
export interface LinkedMapper {
  passes(info: StreamInfo): boolean;
  statusCode: number;
  body: string | null;
  bodyFormat: { formatter: Formatter; contentType: string } | null;
  addHeaders(head: ResponseHead, info: StreamInfo): void;
}

/** LocalReplyConfig, linked: the first mapper that passes edits the reply, then the body format makes its text. */
export class LocalReplyMapper {
  readonly #mappers: LinkedMapper[];
  readonly #bodyFormat: LinkedMapper["bodyFormat"];

  constructor(mappers: LinkedMapper[], bodyFormat: LinkedMapper["bodyFormat"]) {
    this.#mappers = mappers;
    this.#bodyFormat = bodyFormat;
  }

  map(head: ResponseHead, info: StreamInfo, body: string): MappedReply {
    let text = body;
    let format = this.#bodyFormat;
    for (const mapper of this.#mappers) {
      if (!mapper.passes(info)) continue;
      // As Envoy: the fields are made with the code that was, the body with the new one.
      mapper.addHeaders(head, info);
      if (mapper.statusCode !== 0) {
        head.status = mapper.statusCode;
        info.responseCode = mapper.statusCode;
      }
      if (mapper.body !== null) text = mapper.body;
      if (mapper.bodyFormat !== null) format = mapper.bodyFormat;
      break;
    }
    if (format === null) return { body: text, contentType: "" };
    info.localReplyBody = text;
    const made = format.formatter.format(info);
    // Access logs do not have it.
    info.localReplyBody = "";
    return { body: made, contentType: format.contentType };
  }
}
