import { counter, gauge, kernelPoints, type Metric, type Point, perOutput, writtenEvents } from './metric.ts';

/** Metrics that only this engine has. */
export const ownMetrics: readonly Metric[] = [
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
  counter(
    'jatai_output_joined_events_total',
    'Events that are only counted in an equal one, by output',
    ({ outputs }) =>
      outputs.flatMap(({ name, aggregated }): Point[] =>
        aggregated === undefined ? [] : [[aggregated.joined, { output: name }]],
      ),
  ),
  gauge('jatai_output_joining_events', 'Different events that wait for equal ones, by output', ({ outputs }) =>
    outputs.flatMap(({ name, aggregated }): Point[] =>
      aggregated === undefined ? [] : [[aggregated.waiting, { output: name }]],
    ),
  ),
  gauge('jatai_output_buffer_bytes', 'Bytes that wait to be written, by output', (view) =>
    perOutput(view, ({ counters }) => counters.waitingBytes),
  ),
  gauge('jatai_output_buffer_limit_bytes', 'Bytes that may wait, by output', (view) =>
    perOutput(view, ({ counters }) => counters.maxBytes),
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
export const processMetrics: readonly Metric[] = [
  counter('process_cpu_seconds_total', 'CPU time of the agent', () => {
    const { user, system } = process.cpuUsage();
    return [[(user + system) / 1e6]];
  }),
  gauge('process_resident_memory_bytes', 'Resident memory of the agent', () => [[process.memoryUsage.rss()]]),
  gauge('process_start_time_seconds', 'Start of the agent in seconds since 1970', () => [
    [Math.round(Date.now() / 1000 - process.uptime())],
  ]),
];
