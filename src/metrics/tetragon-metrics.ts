import {
  boundedPoints,
  counter,
  gauge,
  kernelPoints,
  type Metric,
  otherName,
  type Point,
  perOutput,
  seriesPoints,
  sumOf,
  type View,
  writtenEvents,
} from './metric.ts';
import { messageOpcodes } from './record-meter.ts';
import type { MetricSources, ObservedOutput } from './sources.ts';

/** Metrics that Tetragon has, under its names. */
export const tetragonMetrics: readonly Metric[] = [
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
      return [value, { error: 'ENOSPC', msg_op: String(missedOpcodes[kind] ?? kind), kind }];
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
  counter('tetragon_missed_prog_probes_total', 'Calls that the kernel let pass without asking', ({ agent }) =>
    agent.missedRuns.map(([place, count]) => [count, { attach: place, policy: '' }]),
  ),
  counter(
    'tetragon_notify_overflowed_events_total',
    'Events that clients of gRPC streams did not take',
    ({ sources }) => (sources.streams === undefined ? [] : [[sources.streams().dropped]]),
  ),
  counter('tetragon_msg_op_total', 'Records handled, by opcode', ({ sources }) =>
    (sources.records?.counts() ?? []).map(([opcode, count]) => [count, { msg_op: String(opcode) }]),
  ),
  counter('tetragon_handler_errors_total', 'Records that could not be handled', ({ sources }) =>
    (sources.records?.errors() ?? []).map(([opcode, count]) => [
      count,
      { error: opcode === 0 ? 'unknown_opcode' : 'event_handler_failed', opcode: String(opcode) },
    ]),
  ),
  counter('tetragon_bpf_error_metrics_total', 'Kernel helpers that failed', ({ agent }) =>
    failingHelpers.map(({ counter: name, ...labels }) => [agent.kernel[name] ?? 0, labels]),
  ),
  counter('tetragon_cgroup_rate_total', 'Changes of what --cgroup-rate does', ({ agent }) => [
    [agent.pipeline.throttleStarts, { type: 'throttle_start' }],
    [agent.pipeline.throttleStops, { type: 'throttle_stop' }],
  ]),
  counter('tetragon_data_events_total', 'Records with more arguments of a program', ({ agent, sources }) => {
    const { data, badData } = dataRecords(sources);
    const { orphanArguments } = agent.pipeline;
    return [
      [data, { event: 'Received' }],
      [data - badData - orphanArguments, { event: 'Appended' }],
      [data - badData - orphanArguments, { event: 'Matched' }],
      [orphanArguments, { event: 'NotMatched' }],
      [badData, { event: 'Bad' }],
    ];
  }),
  gauge('tetragon_data_cache_size', 'Programs whose arguments are not complete yet', ({ agent }) => [
    [agent.pipeline.waitingArguments],
  ]),
  gauge('tetragon_data_cache_capacity', 'How many there may be', ({ agent }) => [
    [agent.pipeline.waitingArgumentsLimit],
  ]),
  counter('tetragon_data_cache_evictions_total', 'Those that were reported early to make room', ({ agent }) => [
    [agent.pipeline.evictedArguments],
  ]),
  counter('tetragon_data_cache_misses_total', 'Arguments of programs that do not wait for any', ({ agent }) => [
    [agent.pipeline.orphanArguments, { operation: 'get' }],
  ]),
  counter('tetragon_generic_kprobe_merge_pushed_total', 'Calls that wait for their return', ({ agent }) => [
    [agent.pipeline.awaitedReturns],
  ]),
  counter('tetragon_generic_kprobe_merge_total', 'Calls and returns that came together, or did not', ({ agent }) => {
    const { joinedReturns, unreturnedCalls, orphanReturns } = agent.pipeline;
    const joined = Object.entries(joinedReturns).map(
      ([name, count]): Point => [
        count,
        { curr_fn: name, curr_type: 'exit', prev_fn: name, prev_type: 'enter', status: 'ok' },
      ],
    );
    return [
      ...boundedPoints(joined, { curr_fn: otherName, curr_type: 'exit', prev_type: 'enter', status: 'ok' }),
      [unreturnedCalls, { curr_type: 'enter', status: 'error' }],
      [orphanReturns, { curr_type: 'exit', status: 'error' }],
    ];
  }),
  gauge('tetragon_map_entries', 'Elements in maps of the kernel', ({ agent }) =>
    agent.maps.map(({ name, entries }) => [entries, { map: name }]),
  ),
  gauge('tetragon_map_capacity', 'Elements that they can hold', ({ agent }) =>
    agent.maps.map(({ name, capacity }) => [capacity, { map: name }]),
  ),
  counter('tetragon_map_errors_update_total', 'Elements that found no room', ({ agent }) =>
    Object.entries(fullMaps).map(([map, name]) => [agent.kernel[name] ?? 0, { map }]),
  ),
  counter('tetragon_process_cache_misses_total', 'Processes that were looked up and not known', ({ agent }) => [
    [agent.pipeline.unknownProcesses, { operation: 'get' }],
  ]),
  counter('tetragon_overhead_program_runs_total', 'Runs of programs while the kernel counts them', ({ overhead }) =>
    [...overhead].map(({ labels, runs }) => [runs, labels]),
  ),
  counter('tetragon_overhead_program_seconds_total', 'Time in programs while the kernel counts it', ({ overhead }) =>
    [...overhead].map(({ labels, seconds }) => [seconds, labels]),
  ),
];

/** By the names of kernel counters of lost records. */
const missedOpcodes: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Object.entries(messageOpcodes).map(([name, opcode]) => [name.toLowerCase(), opcode])),
  denial: messageOpcodes.HOOK,
};

/** Maps that refuse an element when they are full, and the kernel counter of that. */
const fullMaps = { processes: 'PROCESS_MAP_FULL', pending: 'PENDING_FULL' } as const;

/** Where in `bpf/` what is called. */
const failingHelpers = [
  {
    counter: 'PROCESS_MAP_FULL',
    error: '7',
    error_name: 'E2BIG',
    file_name: 'process/process.c',
    helper_func: 'bpf_map_update_elem',
  },
  {
    counter: 'PENDING_FULL',
    error: '7',
    error_name: 'E2BIG',
    file_name: 'kprobes/returns.h',
    helper_func: 'bpf_map_update_elem',
  },
  { counter: 'SIGNAL_FAILED', file_name: 'kprobes/records.h', helper_func: 'bpf_send_signal' },
] as const;

function dataRecords({ records }: MetricSources): { data: number; badData: number } {
  const countOf = (all: readonly (readonly [opcode: number, count: number])[] = []): number =>
    all.find(([opcode]) => opcode === messageOpcodes.DATA)?.[1] ?? 0;
  return { data: countOf(records?.counts()), badData: countOf(records?.errors()) };
}

const sumOfOutputs = (view: View, value: (output: ObservedOutput) => number): Point[] => [
  sumOf(perOutput(view, value)),
];
