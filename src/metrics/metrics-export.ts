import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { type IMetricReader, MeterProvider, type MetricProducer } from '@opentelemetry/sdk-metrics';
import { histogramProducer } from './histogram-producer.ts';
import { histogramsOf } from './histograms.ts';
import { type ListenAddress, MetricsServer } from './metrics-server.ts';
import type { OtlpMetricsOptions } from './otlp-reader.ts';
import { registerMetrics } from './register-metrics.ts';
import type { MetricSources } from './sources.ts';
import { telemetryResource } from './telemetry-resource.ts';

export interface MetricsExportOptions {
  /** Where Prometheus asks; nowhere by default. */
  readonly server?: ListenAddress | undefined;
  /** Where metrics are sent; nowhere by default. */
  readonly otlp?: OtlpMetricsOptions | undefined;
  readonly nodeName: string;
  /** Told when metrics cannot be sent. */
  readonly report: (message: string) => void;
}

/** The metrics of an agent, on their ways out: the same instruments for all of them. */
export class MetricsExport {
  readonly #provider: MeterProvider;
  readonly #server: MetricsServer | undefined;

  private constructor(provider: MeterProvider, server: MetricsServer | undefined) {
    this.#provider = provider;
    this.#server = server;
  }

  /** Rejects with the system's error when the address to serve at is taken or not ours. */
  static async start(sources: MetricSources, options: MetricsExportOptions): Promise<MetricsExport> {
    const producer = histogramProducer('jatai', histogramsOf(sources));
    const prometheus = options.server && prometheusReader(producer);
    const readers: IMetricReader[] = prometheus === undefined ? [] : [prometheus];
    if (options.otlp !== undefined) {
      const { otlpReader } = await import('./otlp-reader.ts');
      readers.push(otlpReader(options.otlp, producer, options.report));
    }
    const provider = new MeterProvider({ readers, resource: telemetryResource(sources.version, options.nodeName) });
    registerMetrics(provider.getMeter('jatai', sources.version), sources);
    try {
      const server = prometheus && (await MetricsServer.start(options.server!, prometheus));
      return new MetricsExport(provider, server);
    } catch (error) {
      await provider.shutdown({ timeoutMillis: closeTimeoutMs }).catch(() => {});
      throw error;
    }
  }

  /** Where metrics are served: `127.0.0.1:2112`, with the port that was chosen when 0 was asked for. */
  get address(): string | undefined {
    return this.#server?.address;
  }

  /** Sends the last values, as long as that takes, but at most some seconds. */
  async close(): Promise<void> {
    await this.#server?.close();
    await this.#provider.shutdown({ timeoutMillis: closeTimeoutMs }).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Read when somebody asks; the server is ours. */
function prometheusReader(producer: MetricProducer): PrometheusExporter {
  return new PrometheusExporter({
    preventServerStart: true,
    withoutScopeInfo: true,
    withoutTargetInfo: true,
    metricProducers: [producer],
  });
}

const closeTimeoutMs = 2000;
