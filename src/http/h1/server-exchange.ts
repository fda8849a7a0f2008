import type { ByteOutput } from "../codec.ts";
import { BodyDecoder } from "./body-decoder.ts";
import { MessageBody } from "./message-body.ts";
import type { Http1Options } from "./options.ts";
import { RequestParser } from "./parser.ts";

/** What a request and its response need, and an idle connection does not. */
export class ServerExchange {
  readonly parser: RequestParser;
  readonly decoder: BodyDecoder;
  readonly body: MessageBody;

  constructor(options: Http1Options) {
    this.parser = new RequestParser(options);
    this.decoder = new BodyDecoder(options);
    this.body = new MessageBody(options);
  }
}

/** Lends exchanges to the connections of one listener: the last one back, which the processor still knows, goes out first. */
export class ServerExchanges {
  readonly options: Http1Options;
  readonly #idle: ServerExchange[] = [];

  constructor(options: Http1Options) {
    this.options = options;
  }

  take(output: ByteOutput): ServerExchange {
    const exchange = this.#idle.pop() ?? new ServerExchange(this.options);
    exchange.body.output = output;
    return exchange;
  }

  give(exchange: ServerExchange): void {
    exchange.parser.reset();
    exchange.body.output = null;
    exchange.body.bytes = null;
    if (this.#idle.length < maxIdle) this.#idle.push(exchange);
  }
}

const maxIdle = 256;
