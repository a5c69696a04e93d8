import type { Attributes, BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import type { Observation } from '../agent/observation.ts';
import type { BoundedSeries } from './series.ts';
import type { MetricSources, ObservedOutput } from './sources.ts';

/** One value of a metric. */
type Point = readonly [value: number, labels?: Attributes];

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  readonly points: (view: View) => Iterable<Point>;
}

/** What all metrics of one collection are read from. */
interface View {
  readonly sources: MetricSources;
  readonly agent: Observation;
  readonly outputs: readonly ObservedOutput[];
}

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
  const observe = (result: BatchObservableResult): void => {
    const view = { sources, agent: sources.observe(), outputs: sources.outputs() };
    for (const [{ points }, instrument] of instruments) {
      for (const [value, labels] of points(view)) result.observe(instrument, value, labels);
    }
  };
  meter.addBatchObservableCallback(observe, [...instruments.values()]);
}

function counter(name: string, help: string, points: Metric['points']): Metric {
  return { name, help, kind: 'counter', points };
}

function gauge(name: string, help: string, points: Metric['points']): Metric {
  return { name, help, kind: 'gauge', points };
}

function seriesPoints(series: BoundedSeries | undefined): Iterable<Point> {
  return series === undefined ? [] : [...series].map(({ labels, value }) => [value, labels]);
}

/** Kernel counters whose name begins with `prefix`, the rest of the name as a label. */
function kernelPoints({ kernel }: Observation, prefix: string, label: string): Point[] {
  return Object.entries(kernel)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => [value, { [label]: name.slice(prefix.length).toLowerCase() }]);
}

function sumOf(points: Iterable<Point>): Point {
  return [[...points].reduce((sum, [value]) => sum + value, 0)];
}

function perOutput({ outputs }: View, value: (output: ObservedOutput) => number): Point[] {
  return outputs.map((output) => [value(output), { output: output.name }]);
}

const writtenEvents = ({ counters }: ObservedOutput): number => counters.writtenLines - counters.notices;
const sumOfOutputs = (view: View, value: (output: ObservedOutput) => number): Point[] => [
  sumOf(perOutput(view, value)),
];

/** Opcodes of Tetragon's messages, by our kinds of records. */
const messageOpcodes = {
  exec: '5',
  exit: '7',
  hook: '13',
  fork: '23',
  data: '24',
  return: '13',
  denial: '13',
  throttle: '27',
  loader: '26',
} as const;

/** Metrics that Tetragon has, under its names. */
const tetragonMetrics: readonly Metric[] = [
  counter('tetragon_events_total', 'Events, by type and process', ({ sources }) =>
    seriesPoints(sources.events?.events),
  ),
  counter('tetragon_policy_events_total', 'Events of policies, by policy and hook', ({ sources }) =>
    seriesPoints(sources.events?.policyEvents),
  ),
  counter('tetragon_syscalls_total', 'System calls that policies reported', ({ sources }) =>
    seriesPoints(sources.events?.syscalls),
  ),
  counter('tetragon_flags_total', 'Flags of processes that were executed', ({ sources }) =>
    seriesPoints(sources.events?.flags),
  ),
  gauge('tetragon_build_info', 'The version, as a label', ({ sources }) => [[1, { version: sources.version }]]),
  counter('tetragon_bpf_missed_events_total', 'Events that the ring had no room for, by kind', ({ agent }) =>
    kernelPoints(agent, 'RING_FULL_', 'kind').map(([value, labels]) => {
      const kind = String(labels!['kind']);
      const opcode = messageOpcodes[kind as keyof typeof messageOpcodes] ?? kind;
      return [value, { error: 'ENOSPC', msg_op: opcode, kind }];
    }),
  ),
  counter('tetragon_events_exported_total', 'Events written by all outputs', (view) =>
    sumOfOutputs(view, writtenEvents),
  ),
  counter('tetragon_events_exported_bytes_total', 'Bytes written by all outputs', (view) =>
    sumOfOutputs(view, ({ counters }) => counters.writtenBytes),
  ),
  gauge(
    'tetragon_events_last_exported_timestamp',
    'When an output last wrote, in seconds since 1970',
    ({ outputs }) => {
      const lastMs = Math.max(0, ...outputs.map(({ counters }) => counters.lastWriteMs));
      return lastMs === 0 ? [] : [[lastMs / 1000]];
    },
  ),
  counter('tetragon_export_ratelimit_events_dropped_total', 'Events kept back by --export-rate-limit', (view) =>
    sumOfOutputs(view, ({ rateLimited }) => rateLimited),
  ),
  counter('tetragon_events_missing_process_info_total', 'Events of processes known by their id alone', ({ agent }) => [
    [agent.pipeline.unknownProcesses],
  ]),
  counter('tetragon_observer_ringbuf_events_received_total', 'Records read from the ring', ({ agent }) => [
    [agent.pipeline.records],
  ]),
  counter('tetragon_observer_ringbuf_events_lost_total', 'Records that the ring had no room for', ({ agent }) => [
    sumOf([...kernelPoints(agent, 'RING_FULL_', 'kind'), ...kernelPoints(agent, 'SHARE_USED_', 'kind')]),
  ]),
  counter('tetragon_observer_ringbuf_errors_total', 'Records that could not be read', ({ agent }) => [
    [Object.values(agent.pipeline.decodeErrors).reduce((sum, count) => sum + count, 0)],
  ]),
  gauge('tetragon_process_cache_size', 'Processes in the cache', ({ agent }) => [[agent.processes.size]]),
  gauge('tetragon_process_cache_capacity', 'Processes that the cache can hold', ({ agent }) => [
    [agent.processes.capacity],
  ]),
  counter(
    'tetragon_process_cache_evictions_total',
    'Processes that left the cache because it was full',
    ({ agent }) => [[agent.pipeline.processEvictions]],
  ),
  gauge('tetragon_tracingpolicy_loaded', 'Policies by state', ({ agent }) => [
    [agent.policies.loaded, { state: 'enabled' }],
    [agent.policies.refused, { state: 'load_error' }],
  ]),
  counter('tetragon_missed_prog_probes_total', 'Calls that the kernel let pass without asking', ({ agent }) =>
    agent.missedRuns.map(([place, count]) => [count, { attach: place, policy: '' }]),
  ),
];

/** Metrics that only this engine has. */
const ownMetrics: readonly Metric[] = [
  gauge('jatai_ring_pending_bytes', 'Bytes that wait to be read, by ring', ({ agent }) =>
    agent.rings.map(({ name, pendingBytes }) => [pendingBytes, { ring: name }]),
  ),
  gauge('jatai_ring_size_bytes', 'Size of the rings', ({ agent }) =>
    agent.rings.map(({ name, sizeBytes }) => [sizeBytes, { ring: name }]),
  ),
  counter('jatai_kernel_events_total', 'What the kernel side counts, losses included, by counter', ({ agent }) =>
    kernelPoints(agent, '', 'counter'),
  ),
  counter('jatai_unusable_records_total', 'Records that were not understood, by reason', ({ agent }) => {
    const { decodeErrors, unknownPlans, unknownSelectors } = agent.pipeline;
    const reasons = { ...decodeErrors, unknownPlans, unknownSelectors };
    return Object.entries(reasons).map(([reason, count]): Point => [count, { reason }]);
  }),
  counter('jatai_events_total', 'Events made from records', ({ agent }) => [[agent.pipeline.events]]),
  counter('jatai_output_events_total', 'Events written, by output', (view) => perOutput(view, writtenEvents)),
  counter('jatai_output_bytes_total', 'Bytes written, by output', (view) =>
    perOutput(view, ({ counters }) => counters.writtenBytes),
  ),
  counter('jatai_output_failures_total', 'Writes that failed, by output', (view) =>
    perOutput(view, ({ counters }) => counters.failures),
  ),
  counter('jatai_output_retries_total', 'Deliveries that were tried again, by output', (view) =>
    perOutput(view, ({ counters }) => counters.retries),
  ),
  counter('jatai_output_dropped_events_total', 'Events that an output could not write, by reason', ({ outputs }) =>
    outputs.flatMap(({ name, counters, rateLimited }) => [
      ...Object.entries(counters.droppedLines).map(([reason, value]): Point => [value, { output: name, reason }]),
      [rateLimited, { output: name, reason: 'rate_limit' }] as const,
    ]),
  ),
  gauge('jatai_output_buffer_bytes', 'Bytes that wait to be written, by output', (view) =>
    perOutput(view, ({ counters }) => counters.waitingBytes),
  ),
  gauge('jatai_output_buffer_limit_bytes', 'Bytes that may wait, by output', (view) =>
    perOutput(view, ({ counters }) => counters.maxBytes),
  ),
  counter(
    'tetragon_notify_overflowed_events_total',
    'Events that clients of gRPC streams did not take',
    ({ sources }) => (sources.streams === undefined ? [] : [[sources.streams().dropped]]),
  ),
  gauge('jatai_grpc_streams', 'Clients that receive events by gRPC', ({ sources }) =>
    sources.streams === undefined ? [] : [[sources.streams().clients]],
  ),
  counter('jatai_generation_switches_total', 'Changes of the set of policies', ({ agent }) => [
    [agent.generations.switches],
  ]),
  counter(
    'jatai_generation_switch_seconds_total',
    'Time spent on them, compiling and loading included',
    ({ agent }) => [[agent.generations.totalMs / 1000]],
  ),
  gauge('jatai_generation_last_switch_seconds', 'Time the last one took', ({ agent }) => [
    [agent.generations.lastMs / 1000],
  ]),
  gauge('jatai_hook_policies', 'Policies that share the program of a hook', ({ agent }) =>
    agent.hooks.map(({ key, policies }) => [policies.length, { hook: key }]),
  ),
  gauge('jatai_hook_instructions', 'eBPF instructions of the programs of a hook', ({ agent }) =>
    agent.hooks.map(({ key, instructions }) => [instructions, { hook: key }]),
  ),
];

/** What every program tells of itself, under the names that all exporters use. */
const processMetrics: readonly Metric[] = [
  counter('process_cpu_seconds_total', 'CPU time of the agent', () => {
    const { user, system } = process.cpuUsage();
    return [[(user + system) / 1e6]];
  }),
  gauge('process_resident_memory_bytes', 'Resident memory of the agent', () => [[process.memoryUsage.rss()]]),
  gauge('process_start_time_seconds', 'Start of the agent in seconds since 1970', () => [
    [Math.round(Date.now() / 1000 - process.uptime())],
  ]),
];

const metrics: readonly Metric[] = [...tetragonMetrics, ...ownMetrics, ...processMetrics];
