import { ValueType } from '@opentelemetry/api';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  type HistogramMetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import type { Histogram } from './histogram.ts';

export interface NamedHistogram {
  readonly name: string;
  readonly help: string;
  /** Of OpenTelemetry: `s`, `us`, `By`. */
  readonly unit: string;
  readonly histogram: Histogram;
}

/** Hands counted histograms to OpenTelemetry, whose own instruments would have to be called for each value. */
export function histogramProducer(scope: string, histograms: readonly NamedHistogram[]): MetricProducer {
  const started = timeOf(Date.now());
  const metricOf = ({ name, help, unit, histogram }: NamedHistogram): HistogramMetricData => ({
    descriptor: { name, description: help, unit, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: histogram.series.map(({ labels, counts, sum, count }) => ({
      startTime: started,
      endTime: timeOf(Date.now()),
      attributes: labels,
      value: { buckets: { boundaries: [...histogram.boundaries], counts: [...counts] }, sum, count },
    })),
  });
  return {
    collect: () =>
      Promise.resolve({
        resourceMetrics: {
          resource: emptyResource(),
          scopeMetrics: [{ scope: { name: scope }, metrics: histograms.map(metricOf) }],
        },
        errors: [],
      }),
  };
}

/** Seconds and nanoseconds. */
function timeOf(ms: number): [number, number] {
  return [Math.floor(ms / 1000), (ms % 1000) * 1_000_000];
}
