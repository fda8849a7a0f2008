import type { Http2Counters } from "./counters.ts";
import type { Http2Options } from "./settings.ts";

/**
 * What a peer may do to one connection before it is told to calm down. Each method tells one event and answers false when
 * it was one too many; `detail` then says which, in Envoy's words where it has some. All of it is counting: no event costs memory.
 */
export class AbuseLimits {
  detail = "";
  readonly #options: Http2Options;
  readonly #counters: Http2Counters;
  readonly #now: () => number;
  #emptyInARow = 0;
  #priorityFrames = 0;
  #windowUpdates = 0;
  #streams = 0;
  #dataFramesSent = 0;
  #streamsEnded = 0;
  #prematureResets = 0;
  readonly #resets: TokenBucket;
  readonly #glitches = new TokenBucket(glitchBurst, glitchRate);

  /** `now` is in milliseconds, of any clock that only goes forward. */
  constructor(options: Http2Options, counters: Http2Counters, now: () => number) {
    this.#options = options;
    this.#counters = counters;
    this.#now = now;
    this.#resets = new TokenBucket(options.streamResetBurst, options.streamResetRate);
  }

  onStreamBegin(): void {
    this.#streams++;
  }

  onDataSent(): void {
    this.#dataFramesSent++;
  }

  /** DATA, HEADERS or CONTINUATION. Empty: no payload but padding, and no END_STREAM. */
  onPayload(isEmpty: boolean): boolean {
    if (!isEmpty) {
      this.#emptyInARow = 0;
      return true;
    }
    if (++this.#emptyInARow <= this.#options.maxConsecutiveEmptyFrames) return true;
    this.#counters.inbound_empty_frames_flood++;
    return this.#refuse("http2.inbound_empty_frames_flood");
  }

  onPriority(): boolean {
    if (++this.#priorityFrames <= this.#options.maxPriorityFramesPerStream * (1 + this.#streams)) return true;
    this.#counters.inbound_priority_frames_flood++;
    return this.#refuse("Too many PRIORITY frames");
  }

  /** Envoy's bound: 5 + 2 * (streams + DATA frames sent * max_inbound_window_update_frames_per_data_frame_sent). */
  onWindowUpdate(): boolean {
    const perDataFrame = this.#options.maxWindowUpdateFramesPerDataFrame;
    if (++this.#windowUpdates <= 5 + 2 * (this.#streams + perDataFrame * this.#dataFramesSent)) return true;
    this.#counters.inbound_window_update_frames_flood++;
    return this.#refuse("Too many WINDOW_UPDATE frames");
  }

  /** A stream was reset by the peer, or by us for what the peer did (CVE-2023-44487, CVE-2025-8671). */
  onReset(): boolean {
    return this.#resets.take(this.#now()) || this.#refuse("http2.too_many_resets");
  }

  /** A frame that says nothing to us: an unknown type, one for a stream that is over. */
  onGlitch(): boolean {
    return this.#glitches.take(this.#now()) || this.#refuse("http2.too_many_glitches");
  }

  /** A request began and could not be served: its stream was reset before the response was whole, and soon. */
  onStreamEnd(isReset: boolean, beginMs: number): boolean {
    this.#streamsEnded++;
    if (!isReset || this.#now() - beginMs > prematureMs) return true;
    this.#prematureResets++;
    // Envoy ConnectionManagerImpl::maybeDrainDueToPrematureResets: as soon as half of the window cannot be good any more.
    if (this.#prematureResets * 2 < Math.max(this.#streamsEnded, prematureWindow)) return true;
    return this.#refuse("too_many_premature_resets");
  }

  get nowMs(): number {
    return this.#now();
  }

  #refuse(detail: string): false {
    this.detail = detail;
    return false;
  }
}

class TokenBucket {
  #tokens: number;
  #filledMs = 0;
  readonly #burst: number;
  readonly #rate: number;

  constructor(burst: number, rate: number) {
    this.#tokens = burst;
    this.#burst = burst;
    this.#rate = rate;
  }

  take(nowMs: number): boolean {
    if (this.#tokens < this.#burst && nowMs > this.#filledMs) {
      this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#filledMs) * this.#rate) / 1000);
    }
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

// Envoy overload.premature_reset_total_stream_count and premature_reset_min_stream_lifetime_seconds.
const prematureWindow = 500;
const prematureMs = 1000;
// nghttp2's glitch bucket.
const glitchBurst = 10_000;
const glitchRate = 330;
