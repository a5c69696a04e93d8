import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import {
  type IMetricReader,
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';

export interface OtlpMetricsOptions {
  /** Undefined: where the environment says, `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string | undefined;
  readonly intervalMs: number;
}

/**
 * Sends all metrics by OTLP over HTTP, as protobuf, again and again. They are totals: a time without a receiver loses none
 * of what was counted.
 */
export function otlpReader(
  { url, intervalMs }: OtlpMetricsOptions,
  producer: MetricProducer,
  report: (message: string) => void,
): IMetricReader {
  const timeoutMillis = Math.min(intervalMs, longestExportMs);
  const exporter = new OTLPMetricExporter({ ...(url === undefined ? {} : { url }), timeoutMillis });
  return new PeriodicExportingMetricReader({
    exporter: reporting(exporter, report),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: timeoutMillis,
    metricProducers: [producer],
  });
}

/** Says once that metrics cannot be sent, and once that they can again. */
function reporting(exporter: PushMetricExporter, report: (message: string) => void): PushMetricExporter {
  let failing = false;
  const send = exporter.export.bind(exporter);
  exporter.export = (metrics, done) =>
    send(metrics, (result) => {
      const error = result.error?.message ?? (result.code === 0 ? undefined : 'refused');
      if (error !== undefined && !failing)
        report(`metrics cannot be sent by OTLP (${error}); they are totals, none is lost`);
      if (error === undefined && failing) report('metrics are sent by OTLP again');
      failing = error !== undefined;
      done(result);
    });
  return exporter;
}

const longestExportMs = 10_000;
