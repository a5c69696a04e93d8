import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import { type Metric, maxSeries, type View } from './metric.ts';
import { ownMetrics, processMetrics } from './own-metrics.ts';
import { policyMetrics } from './policy-metrics.ts';
import { ProgramOverhead } from './program-overhead.ts';
import type { MetricSources } from './sources.ts';
import { tetragonMetrics } from './tetragon-metrics.ts';

/** Registers all metrics: nothing is counted twice, all are read from their sources when they are collected. */
export function registerMetrics(meter: Meter, sources: MetricSources): void {
  const instruments = new Map<Metric, Observable>();
  for (const metric of metrics) {
    const options = { description: metric.help };
    const instrument =
      metric.kind === 'counter'
        ? meter.createObservableCounter(metric.name, options)
        : meter.createObservableGauge(metric.name, options);
    instruments.set(metric, instrument);
  }
  const overhead = new ProgramOverhead(maxSeries);
  const observe = (result: BatchObservableResult): void => {
    const view = viewOf(sources, overhead);
    for (const [{ points }, instrument] of instruments) {
      for (const [value, labels] of points(view)) result.observe(instrument, value, labels);
    }
  };
  meter.addBatchObservableCallback(observe, [...instruments.values()]);
}

function viewOf(sources: MetricSources, overhead: ProgramOverhead): View {
  const agent = sources.observe();
  overhead.add(agent.programs);
  return { sources, agent, outputs: sources.outputs(), policies: sources.policies(), overhead };
}

const metrics: readonly Metric[] = [...tetragonMetrics, ...policyMetrics, ...ownMetrics, ...processMetrics];
