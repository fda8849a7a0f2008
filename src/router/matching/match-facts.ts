import { hostPort } from "../../net/address.ts";
import { StreamInfo } from "../../observability/stream-info.ts";

/** What is known of a connection when its filter chain is chosen. */
export interface MatchFacts {
  /** Addresses are "" where they are none of IP. */
  destinationAddress: string;
  destinationPort: number;
  serverName: string;
  /** "tls" or "raw_buffer". */
  transportProtocol: string;
  applicationProtocols: readonly string[];
  /** Of the socket's peer; the source is that of a PROXY header, where one named it. */
  directSourceAddress: string;
  sourceAddress: string;
  sourcePort: number;
}

/** A connection that has no filter chain yet, for a matcher to look at. */
export class UnchosenConnection extends StreamInfo {
  readonly facts: MatchFacts;

  constructor(facts: MatchFacts) {
    super();
    this.facts = facts;
    const address = (host: string, port: number) => (host === "" ? "" : hostPort(host, port));
    this.downstreamLocalAddress = address(facts.destinationAddress, facts.destinationPort);
    this.downstreamRemoteAddress = address(facts.sourceAddress, facts.sourcePort);
    // Its port is nobody's question.
    this.downstreamDirectRemoteAddress = address(facts.directSourceAddress, 0);
  }

  override get requestedServerName(): string {
    return this.facts.serverName;
  }
}
