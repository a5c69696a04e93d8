export interface RetrySettings {
  readonly initialDelay: number;
  readonly maxDelay: number;
  /** Time after which a batch is dropped; 0 for never. All in milliseconds. */
  readonly giveUpAfter: number;
}

/**
 * How long to wait before attempt `attempt` (1 for the first repetition), in milliseconds: twice as long each time, up to
 * `maxDelay`, of which a random part is left out so that many agents do not come at once. A receiver that asks for more
 * gets it, up to ten minutes. `random`: from 0 to 1.
 */
export function retryDelayMs(
  { initialDelay, maxDelay }: RetrySettings,
  attempt: number,
  askedMs = 0,
  random = Math.random(),
): number {
  const delay = Math.min(maxDelay, initialDelay * 2 ** Math.min(attempt - 1, 30));
  return Math.max(delay * (0.5 + random / 2), Math.min(askedMs, longestAskedMs));
}

const longestAskedMs = 600_000;
