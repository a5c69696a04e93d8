/** Numbers of the events that a receiver got, and what it was told of missing ones. */
export interface Received {
  readonly numbers: ReadonlySet<number>;
  /** Events that came more than once. */
  readonly repeated: number;
  /** Sum of the numbers in `rate_limit_info`. */
  readonly told: number;
}

/** Reads the events of a receiver, each as JSON with its `sequence`. */
export function readReceived(texts: Iterable<string>): Received {
  const numbers = new Set<number>();
  const notices = new Set<string>();
  let repeated = 0;
  let told = 0;
  for (const text of texts) {
    const event = JSON.parse(text);
    if (event.rate_limit_info !== undefined) {
      /* Sent twice, it has the same time. */
      if (!notices.has(text)) told += Number(event.rate_limit_info.number_of_dropped_process_events);
      notices.add(text);
      continue;
    }
    const number = Number(event.sequence);
    if (numbers.has(number)) repeated++;
    numbers.add(number);
  }
  return { numbers, repeated, told };
}

/** The numbers from 1 to `last` that were not received. */
export function missingNumbers({ numbers }: Received, last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1).filter((number) => !numbers.has(number));
}
