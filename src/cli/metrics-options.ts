import type { Agent } from '../agent/agent.ts';
import { type OptionValues, option, optional } from '../config/option.ts';
import { booleanType, listType, type OptionType } from '../config/option-types.ts';
import type { EventHub } from '../grpc/event-hub.ts';
import { EventCounts, processLabels } from '../metrics/event-counts.ts';
import type { ListenAddress, MetricsServer } from '../metrics/metrics-server.ts';
import type { Outputs } from './open-outputs.ts';
import { readVersion } from './version.ts';

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
} as const;

/** Counts events for the metrics; undefined when nobody asks for that. */
export function openEventCounts(
  values: OptionValues<typeof metricsOptions>,
  nodeName: string,
): EventCounts | undefined {
  if (values['metrics-server'] === undefined || !values['enable-event-metrics']) return undefined;
  return new EventCounts(nodeName, values['metrics-label-filter']);
}

/** Starts the server when one is asked for: OpenTelemetry is loaded only then. */
export async function startMetrics(
  values: OptionValues<typeof metricsOptions>,
  agent: Agent,
  outputs: Outputs,
  events: EventCounts | undefined,
  hub: EventHub | undefined,
): Promise<MetricsServer | undefined> {
  const address = values['metrics-server'];
  if (address === undefined) return undefined;
  const { MetricsServer } = await import('../metrics/metrics-server.ts');
  return MetricsServer.start(address, {
    version: readVersion(),
    observe: () => agent.observe(),
    outputs: () => outputs.observe(),
    events,
    streams: hub && (() => hub.counters()),
  });
}
