import type { Attributes } from '@opentelemetry/api';
import type { Observation } from '../agent/observation.ts';
import type { TracingPolicyStatus } from '../grpc/messages.ts';
import type { ProgramOverhead } from './program-overhead.ts';
import type { BoundedSeries } from './series.ts';
import type { MetricSources, ObservedOutput } from './sources.ts';

/** One value of a metric. */
export type Point = readonly [value: number, labels?: Attributes];

/** A row of the table of metrics. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  readonly points: (view: View) => Iterable<Point>;
}

/** What all metrics of one collection are read from. */
export interface View {
  readonly sources: MetricSources;
  readonly agent: Observation;
  readonly outputs: readonly ObservedOutput[];
  readonly policies: readonly TracingPolicyStatus[];
  readonly overhead: ProgramOverhead;
}

export function counter(name: string, help: string, points: Metric['points']): Metric {
  return { name, help, kind: 'counter', points };
}

export function gauge(name: string, help: string, points: Metric['points']): Metric {
  return { name, help, kind: 'gauge', points };
}

export function seriesPoints(series: BoundedSeries | undefined): Iterable<Point> {
  return series === undefined ? [] : [...series].map(({ labels, value }) => [value, labels]);
}

/** Kernel counters whose name begins with `prefix`, the rest of the name as a label. */
export function kernelPoints({ kernel }: Observation, prefix: string, label: string): Point[] {
  return Object.entries(kernel)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => [value, { [label]: name.slice(prefix.length).toLowerCase() }]);
}

export function sumOf(points: Iterable<Point>): Point {
  return [[...points].reduce((sum, [value]) => sum + value, 0)];
}

/** The first points as they are, and the sum of the others under `labels`: there are never more than one in excess. */
export function boundedPoints(points: readonly Point[], labels: Attributes, most: number = maxSeries): Point[] {
  if (points.length <= most) return [...points];
  const [rest] = sumOf(points.slice(most));
  return [...points.slice(0, most), [rest, labels]];
}

export function perOutput({ outputs }: View, value: (output: ObservedOutput) => number): Point[] {
  return outputs.map((output) => [value(output), { output: output.name }]);
}

export function writtenEvents({ counters }: ObservedOutput): number {
  return counters.writtenLines - counters.notices;
}

/** Series of one metric; OpenTelemetry's own bound is 2,000. */
export const maxSeries = 1000;
/** Stands for policies and binaries beyond that. */
export const otherName = '(other)';
