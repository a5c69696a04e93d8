/** How equal events are joined into one with a count. */
export interface AggregationOptions {
  /** How long equal events are collected, from the first one on. */
  readonly windowMs: number;
  /** Different events that are collected at a time; one more ends the window. */
  readonly maxEvents: number;
}

/** What is taken when nothing is said, as in Tetragon. */
export const defaultAggregation: AggregationOptions = { windowMs: 15_000, maxEvents: 10_000 };

/** Events are that late. */
export const longestWindowMs = 3_600_000;

/** Each takes about a kilobyte. */
export const mostAggregatedEvents = 100_000;
