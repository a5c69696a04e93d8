import { type RetrySettings, retryDelayMs } from './backoff.ts';
import { type Destination, DestinationError, type Message } from './destination.ts';

export interface DeliverySettings {
  readonly retry: RetrySettings;
  /** Milliseconds after which an attempt is given up and made again. */
  readonly timeout: number;
}

/** What became of a batch: the numbers add up to its size. */
export interface DeliveryOutcome {
  readonly taken: number;
  /** Which ones is not known, only that they are in front of `left`. */
  readonly rejected: number;
  /** Those at the end of the batch that are lost, and why. */
  readonly left: number;
  readonly leftReason: 'rejected' | 'gave_up' | 'closed';
  /** What the receiver or the system said of the loss. */
  readonly text: string;
}

/** Delivers batches to a destination, one at a time, and tries again what can be tried again. */
export class RetryingDelivery {
  /** Attempts that failed, and attempts that were repetitions. */
  failures = 0;
  retries = 0;
  readonly #destination: Destination;
  readonly #settings: DeliverySettings;
  readonly #report: (message: string) => void;
  #attempt: AbortController | undefined;
  /** Ends the pause before the next attempt. */
  #wake: (() => void) | undefined;
  #deadline = Number.POSITIVE_INFINITY;
  #isFailing = false;

  /** `report`: told once when delivery starts to fail and once when it works again. */
  constructor(destination: Destination, settings: DeliverySettings, report: (message: string) => void) {
    this.#destination = destination;
    this.#settings = settings;
    this.#report = report;
  }

  /** Resolves when every message of the batch was taken or is lost; never rejects. */
  async deliver(batch: readonly Message[]): Promise<DeliveryOutcome> {
    const since = performance.now();
    let rest = batch;
    let rejected = 0;
    for (let attempt = 1; ; attempt++) {
      const result = await this.#try(rest);
      rejected += Math.min(result.rejected, rest.length);
      if (!(result instanceof DestinationError)) {
        this.#recover();
        const { reason: text = 'it gave no reason' } = result;
        return { taken: batch.length - rejected, rejected, left: 0, leftReason: 'rejected', text };
      }
      this.failures++;
      rest = rest.slice(result.delivered);
      if (result.delivered > 0) attempt = 1;
      const delayMs = this.#delayMs(attempt, result);
      const lossReason = this.#lossReason(result, performance.now() + delayMs - since);
      if (rest.length === 0 || lossReason !== undefined) {
        const left = rest.length;
        const taken = batch.length - left - rejected;
        return { taken, rejected, left, leftReason: lossReason ?? 'closed', text: result.message };
      }
      this.#fail(result);
      await this.#pause(delayMs);
      this.retries++;
    }
  }

  /** Goes on for this long only: attempts follow one another quickly, and the last one is aborted then. */
  hurry(timeoutMs: number): void {
    this.#deadline = performance.now() + timeoutMs;
    setTimeout(() => this.#attempt?.abort(), timeoutMs).unref();
    this.#wake?.();
  }

  get isTooLate(): boolean {
    return performance.now() >= this.#deadline;
  }

  async #try(batch: readonly Message[]) {
    const attempt = new AbortController();
    this.#attempt = attempt;
    const timer = setTimeout(() => attempt.abort(), this.#settings.timeout);
    try {
      return await this.#destination.deliver(batch, attempt.signal);
    } catch (error) {
      if (error instanceof DestinationError) return error;
      const isLate = attempt.signal.aborted && !this.isTooLate;
      const text = isLate ? `no answer within ${this.#settings.timeout} ms` : (error as Error).message;
      return new DestinationError(text, { retryable: true, cause: error });
    } finally {
      clearTimeout(timer);
      this.#attempt = undefined;
    }
  }

  #lossReason(failure: DestinationError, elapsedMs: number): DeliveryOutcome['leftReason'] | undefined {
    if (!failure.retryable) return 'rejected';
    if (this.isTooLate) return 'closed';
    const { giveUpAfter } = this.#settings.retry;
    return giveUpAfter > 0 && elapsedMs > giveUpAfter ? 'gave_up' : undefined;
  }

  #delayMs(attempt: number, failure: DestinationError): number {
    if (this.#deadline !== Number.POSITIVE_INFINITY) return closingRetryMs;
    return retryDelayMs(this.#settings.retry, attempt, failure.retryAfterMs);
  }

  async #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, delayMs);
    /* Only the last attempts keep the program alive. */
    if (this.#deadline === Number.POSITIVE_INFINITY) {
      timer.unref();
      this.#wake = resolve;
    }
    await promise;
    this.#wake = undefined;
    clearTimeout(timer);
  }

  #fail({ message }: DestinationError): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#report(`cannot deliver (${message}); tried again, and events are kept meanwhile`);
  }

  #recover(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#report('delivery works again');
  }
}

const closingRetryMs = 100;
