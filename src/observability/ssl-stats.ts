import type { HandshakeStats } from "../net/tls/handshake.ts";
import type { Stapling } from "../net/tls/server-certificate.ts";
import type { TlsInfo } from "../net/tls/tls-info.ts";
import type { StatsSlab } from "./stats.ts";

/** `<prefix>ssl.*` of a listener or a cluster, by Envoy's names. */
export class SslStats implements HandshakeStats {
  readonly #notReady: number;
  readonly #slab: StatsSlab;
  readonly #prefix: string;
  readonly #slots: Record<SslCounter, number>;
  readonly #versions = new Map<string, number>();
  readonly #ciphers = new Map<string, number>();

  constructor(slab: StatsSlab, prefix: string, side: "client" | "server") {
    const kind = side === "client" ? "upstream" : "downstream";
    this.#notReady = slab.counter(`${prefix}${side}_ssl_socket_factory.${kind}_context_secrets_not_ready`);
    this.#slab = slab;
    this.#prefix = `${prefix}ssl.`;
    const slots = counters.map((name) => [name, slab.counter(this.#prefix + name)]);
    this.#slots = Object.fromEntries(slots) as Record<SslCounter, number>;
  }

  count(name: SslCounter): void {
    this.#slab.values[this.#slots[name]]++;
  }

  /** What became of a client's wish for an OCSP response. */
  onStapling(stapling: Stapling): void {
    if (stapling === "none") return;
    this.count("ocsp_staple_requests");
    this.count(stapling === "stapled" ? "ocsp_staple_responses" : `ocsp_staple_${stapling}`);
  }

  onSecretsNotReady(): void {
    this.#slab.values[this.#notReady]++;
  }

  onHandshake({ version, cipher }: TlsInfo, isResumed: boolean, hasPeer: boolean): void {
    this.count("handshake");
    if (isResumed) this.count("session_reused");
    if (!hasPeer) this.count("no_certificate");
    this.#slab.values[this.#slotOf(this.#versions, "versions", version)]++;
    this.#slab.values[this.#slotOf(this.#ciphers, "ciphers", cipher)]++;
  }

  #slotOf(known: Map<string, number>, kind: string, name: string): number {
    let slot = known.get(name);
    if (slot === undefined) known.set(name, (slot = this.#slab.counter(`${this.#prefix}${kind}.${name}`)));
    return slot;
  }
}

const counters = [
  "connection_error",
  "fail_verify_cert_hash",
  "fail_verify_error",
  "fail_verify_no_cert",
  "fail_verify_san",
  "handshake",
  "no_certificate",
  "ocsp_staple_failed",
  "ocsp_staple_omitted",
  "ocsp_staple_requests",
  "ocsp_staple_responses",
  "session_reused",
] as const;
type SslCounter = (typeof counters)[number];
