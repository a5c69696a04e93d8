/** The labels of a series, in the order of the metric. */
export type Labels = Readonly<Record<string, string>>;

/**
 * Counts by labels, with a bound on how many series there are, so that sums stay right: what comes after is counted in
 * series whose label `overflow` has the value `(other)`, and when there are half as many again, in one in which all have.
 */
export class BoundedSeries {
  readonly #most: number;
  readonly #overflow: string;
  readonly #counts = new Map<string, Count>();

  constructor(most: number, overflow: string) {
    this.#most = most;
    this.#overflow = overflow;
  }

  /** The series of these labels: to be kept by whoever counts often. */
  series(labels: Labels): Count {
    const key = JSON.stringify(labels);
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    if (this.#counts.size >= this.#most && labels[this.#overflow] !== other) {
      return this.series({ ...labels, [this.#overflow]: other });
    }
    if (this.#counts.size >= this.#most * 1.5) {
      const all = Object.fromEntries(Object.keys(labels).map((name) => [name, other]));
      return this.#counts.get(JSON.stringify(all)) ?? this.#add(all);
    }
    return this.#add(labels);
  }

  #add(labels: Labels): Count {
    const key = JSON.stringify(labels);
    const created = { labels, value: 0 };
    this.#counts.set(key, created);
    return created;
  }

  [Symbol.iterator](): Iterator<Count> {
    return this.#counts.values();
  }
}

export interface Count {
  readonly labels: Labels;
  value: number;
}

const other = '(other)';
