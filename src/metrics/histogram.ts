import type { Labels } from './series.ts';

/** How many values fell between boundaries, by labels. The caller keeps the series it records into. */
export class Histogram {
  /** Upper ends of the buckets, inclusive and rising; one more bucket takes what is above. */
  readonly boundaries: readonly number[];
  readonly series: HistogramSeries[] = [];

  constructor(boundaries: readonly number[]) {
    this.boundaries = boundaries;
  }

  /** Adds a series. There should be few: each has as many numbers as there are buckets. */
  add(labels: Labels): HistogramSeries {
    const series = new HistogramSeries(labels, this.boundaries);
    this.series.push(series);
    return series;
  }
}

export class HistogramSeries {
  readonly labels: Labels;
  readonly counts: number[];
  sum = 0;
  count = 0;
  readonly #boundaries: readonly number[];

  constructor(labels: Labels, boundaries: readonly number[]) {
    this.labels = labels;
    this.#boundaries = boundaries;
    this.counts = Array<number>(boundaries.length + 1).fill(0);
  }

  record(value: number): void {
    const boundaries = this.#boundaries;
    let bucket = 0;
    while (bucket < boundaries.length && value > boundaries[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sum += value;
    this.count++;
  }
}
