import type { Logger } from 'pino';
import type { Agent } from '../../agent/agent.ts';
import type { PolicyRegistry } from '../../agent/policy-registry.ts';
import { type OptionValues, option, optional } from '../../config/option.ts';
import { booleanType, durationType, listType, type OptionType } from '../../config/option-types.ts';
import type { EventHub } from '../../grpc/event-hub.ts';
import type { TracingPolicyStatus } from '../../grpc/messages.ts';
import { policyStatus } from '../../grpc/policy-status.ts';
import { EventCounts, processLabels } from '../../metrics/event-counts.ts';
import type { MetricsExport } from '../../metrics/metrics-export.ts';
import type { ListenAddress } from '../../metrics/metrics-server.ts';
import type { OtlpMetricsOptions } from '../../metrics/otlp-reader.ts';
import { RecordMeter } from '../../metrics/record-meter.ts';
import type { MetricSources } from '../../metrics/sources.ts';
import { isSystemError, listenError } from '../errors.ts';
import { readVersion } from '../version.ts';
import type { Outputs } from './open-outputs.ts';
import { asksForOtlp, otlpUrlType } from './otlp-endpoint.ts';

/** `:2112` for all addresses, `localhost:2112`, `[::1]:2112`; empty for none. */
const addressType: OptionType<ListenAddress | undefined> = {
  placeholder: 'ADDRESS',
  parse: (text) => {
    if (text === '') return undefined;
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
    const port = match === null ? Number.NaN : Number(match[3]);
    if (!(port <= 65_535)) throw new Error('an address such as :2112 or localhost:2112');
    const host = match![1] ?? match![2];
    return host ? { host, port } : { port };
  },
  show: (address) => (address === undefined ? '' : `${address.host ?? ''}:${address.port}`),
};

const labelsType: OptionType<readonly string[]> = {
  ...listType('LABELS'),
  parse: (text) => {
    const labels = listType('LABELS').parse(text);
    const unknown = labels.find((label) => !processLabels.some((known) => known === label));
    if (unknown !== undefined) throw new Error(`a list of ${processLabels.join(', ')}`);
    return labels;
  },
};

/** Settings of `jatai run` about metrics. */
export const metricsOptions = {
  'metrics-server': optional(addressType, 'serve metrics for Prometheus here, at /metrics; :2112 is usual'),
  'metrics-label-filter': option(labelsType, processLabels, 'labels of processes that metrics of events have'),
  'enable-event-metrics': option(booleanType, true, 'count events by their labels'),
  'enable-msg-handling-latency': option(booleanType, false, 'measure how long the handling of each record takes'),
  'metrics-otlp-endpoint': optional(
    otlpUrlType('/v1/metrics'),
    'send metrics there by OTLP (HTTP, protobuf); else where the environment says, OTEL_EXPORTER_OTLP_ENDPOINT',
  ),
  'metrics-otlp-interval': option(durationType, 60_000, 'how often'),
} as const;

type MetricsValues = OptionValues<typeof metricsOptions>;

/** What is measured while the agent runs, for metrics that cannot be read when somebody asks. */
export interface Meters {
  /** Undefined when events are not counted by their labels. */
  readonly events: EventCounts | undefined;
  readonly records: RecordMeter;
}

/** Undefined when nobody wants metrics. */
export function openMeters(values: MetricsValues, nodeName: string): Meters | undefined {
  if (values['metrics-server'] === undefined && otlpOf(values) === undefined) return undefined;
  const counts = values['enable-event-metrics'];
  return {
    events: counts ? new EventCounts(nodeName, values['metrics-label-filter']) : undefined,
    records: new RecordMeter({ withHandlingTimes: values['enable-msg-handling-latency'] }),
  };
}

export interface MetricsInput {
  readonly agent: Agent;
  readonly registry: PolicyRegistry;
  readonly outputs: Outputs;
  readonly meters: Meters | undefined;
  readonly hub: EventHub | undefined;
  readonly nodeName: string;
  readonly log: Logger;
}

/** Starts the server and the exporter that are asked for: OpenTelemetry is loaded only then. Throws an InputError. */
export async function startMetrics(values: MetricsValues, input: MetricsInput): Promise<MetricsExport | undefined> {
  const { meters, log } = input;
  if (meters === undefined) return undefined;
  const { MetricsExport } = await import('../../metrics/metrics-export.ts');
  let metrics: MetricsExport;
  try {
    metrics = await MetricsExport.start(sourcesOf(input, meters), {
      server: values['metrics-server'],
      otlp: otlpOf(values),
      nodeName: input.nodeName,
      report: (message) => log.warn(message),
    });
  } catch (error) {
    if (isSystemError(error)) throw listenError('metrics', error);
    throw error;
  }
  if (metrics.address !== undefined) log.info({ address: metrics.address }, 'metrics are served');
  return metrics;
}

function sourcesOf({ agent, registry, outputs, hub }: MetricsInput, { events, records }: Meters): MetricSources {
  return {
    version: readVersion(),
    observe: () => agent.observe(),
    outputs: () => outputs.observe(),
    policies: () => policyStatuses(agent, registry),
    events,
    records,
    streams: hub && (() => hub.counters()),
  };
}

function policyStatuses(agent: Agent, registry: PolicyRegistry): TracingPolicyStatus[] {
  const memory = agent.policyMemory();
  return registry.list().map((record) => {
    const memoryBytes = memory.get(registry.activePolicy(record)) ?? 0;
    return policyStatus({ record, counts: agent.handledMatches, memoryBytes });
  });
}

function otlpOf(values: MetricsValues): OtlpMetricsOptions | undefined {
  const url = values['metrics-otlp-endpoint'];
  if (url === undefined && !asksForOtlp('METRICS', process.env)) return undefined;
  return { url, intervalMs: values['metrics-otlp-interval'] };
}
