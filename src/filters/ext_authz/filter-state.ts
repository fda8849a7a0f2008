import type { ByteCounts } from "../../http/byte-counts.ts";
import type { FilterStateObject } from "../../observability/filter-state.ts";
import type { FieldChange } from "./verdict.ts";

/** What a check took. Envoy: ExtAuthzLoggingInfo. */
export class CheckStats implements FilterStateObject {
  readonly isOfRequest = true;
  #latencyUs: number | null = null;
  #wireBytes: ByteCounts | null = null;

  /** `wireBytes`: null where they are not known. */
  onVerdict(latencyUs: number, wireBytes: ByteCounts | null): void {
    this.#latencyUs = latencyUs;
    this.#wireBytes = wireBytes ?? this.#wireBytes;
  }

  text(): null {
    return null;
  }

  fields(): null {
    return null;
  }

  field(name: string): string | null {
    switch (name) {
      case "latency_us":
        return textOf(this.#latencyUs);
      case "bytesSent":
        return textOf(this.#wireBytes?.wireSent);
      case "bytesReceived":
        return textOf(this.#wireBytes?.wireReceived);
      default:
        return null;
    }
  }

  hashText(): null {
    return null;
  }
}

/** What would have become of a request that was let through. extensions.filters.http.ext_authz.v3.ShadowDecision */
export class ShadowDecision implements FilterStateObject {
  readonly #result: string;
  readonly #status: number;
  readonly #response: readonly FieldChange[];

  constructor(kind: "ok" | "denied" | "error", status: number, response: readonly FieldChange[]) {
    this.#result = kind.toUpperCase();
    this.#status = status;
    this.#response = response;
  }

  text(): string {
    return Buffer.from(JSON.stringify(this.fields())).toString("latin1");
  }

  fields(): Record<string, unknown> {
    const headers = this.#response.map(({ name, value }) => ({
      key: name,
      value: Buffer.from(value, "latin1").toString(),
    }));
    return {
      check_result: this.#result,
      status_code: this.#status,
      ...(headers.length === 0 ? {} : { response_headers: headers }),
    };
  }

  field(name: string): string | null {
    if (name === "check_result") return this.#result;
    return name === "status_code" ? String(this.#status) : null;
  }

  hashText(): null {
    return null;
  }
}

function textOf(value: number | null | undefined): string | null {
  return value == null ? null : String(value);
}
