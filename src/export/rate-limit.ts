/** Lets a number of events pass per minute, as a bucket of that size which refills evenly. */
export class RateLimit {
  readonly #perMinute: number;
  #tokens: number;
  #filledAtMs: number;

  /** `nowMs`: a clock that never goes back, here and in `allows`. */
  constructor(perMinute: number, nowMs: number) {
    this.#perMinute = perMinute;
    this.#tokens = perMinute;
    this.#filledAtMs = nowMs;
  }

  /** Whether one more event may pass now. */
  allows(nowMs: number): boolean {
    const refill = ((nowMs - this.#filledAtMs) / minuteMs) * this.#perMinute;
    this.#tokens = Math.min(this.#perMinute, this.#tokens + refill);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

const minuteMs = 60_000;
