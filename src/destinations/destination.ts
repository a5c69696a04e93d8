import type { Severity as PolicySeverity } from '../policy/model.ts';

/** One event on its way to a receiver. */
export interface Message {
  /** JSON of the output's schema, without a newline. Must not be changed; valid as long as the message is. */
  readonly body: Buffer;
  /** When the event happened, in nanoseconds since 1970; of the moment when the message was made if the event has no time. */
  readonly timeNs: bigint;
  /** `process_exec`; `rate_limit_info` for a message that tells how many are missing. */
  readonly eventType: string;
  /** `exec_id` of the process that the event is about; empty when it has none, or a field filter took it. */
  readonly execId: string;
  readonly severity: Severity;
}

/** The policy's own severity when it names one; else `warning` where a policy refused or ended something, else `info`. */
export type Severity = PolicySeverity | 'warning';

/** What became of a batch that the receiver took. */
export interface Delivery {
  /** Messages that the receiver refused for good; counted as dropped, `rejected`. */
  readonly rejected: number;
  /** Why it refused them. */
  readonly reason?: string;
}

export const deliveredAll: Delivery = { rejected: 0 };

/** A receiver of events on the network. */
export interface Destination {
  /** What messages and metrics call it when the configuration gives it no name: `syslog tls://logs.example.com:6514`. */
  readonly name: string;
  /**
   * Resolves when the receiver has taken the batch, which is never empty. Rejects with a DestinationError; anything else
   * that it rejects with counts as one that can be tried again. Not called again before it has settled. When `signal` is
   * aborted it settles soon, one way or the other.
   */
  deliver(batch: readonly Message[], signal: AbortSignal): Promise<Delivery>;
  /** Lets go of connections. Nothing is delivered after it. */
  close(): Promise<void>;
}

/** What `open` of a destination gets beside its configuration. */
export interface DestinationContext {
  readonly nodeName: string;
  readonly version: string;
  /** Says something to the operator: once when a state changes, not for each batch. */
  readonly report: (message: string) => void;
}

export interface DestinationErrorOptions {
  /** False when the same batch would be refused again: it is dropped and counted as `rejected`. */
  readonly retryable: boolean;
  /** How long the receiver asked us to wait. */
  readonly retryAfterMs?: number | undefined;
  /** Messages from the front of the batch that the receiver dealt with before it failed: they are not sent again. */
  readonly delivered?: number | undefined;
  /** How many of those it refused for good. */
  readonly rejected?: number | undefined;
  readonly cause?: unknown;
}

/** A batch that was not taken, or not in full. */
export class DestinationError extends Error {
  override readonly name = 'DestinationError';
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly delivered: number;
  readonly rejected: number;

  constructor(message: string, options: DestinationErrorOptions) {
    super(message, { cause: options.cause });
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
    this.delivered = options.delivered ?? 0;
    this.rejected = options.rejected ?? 0;
  }
}
