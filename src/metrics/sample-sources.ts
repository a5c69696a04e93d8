import type { PolicyEntry } from '../agent/hooks-file.ts';
import type { Observation } from '../agent/observation.ts';
import { EventPipeline } from '../events/event-pipeline.ts';
import type { TracingPolicyStatus } from '../grpc/messages.ts';
import { RecordMeter } from './record-meter.ts';
import type { MetricSources } from './sources.ts';

/** An agent that has seen a little of everything. */
export function sampleObservation(): Observation {
  const pipeline = new EventPipeline({ nodeName: 'n', bootToWallNs: 0n, sinks: [] });
  return {
    kernel: { RING_FULL_EXEC: 3, RING_FULL_HOOK: 4, HOOK_RECORDS: 9, PROCESS_MAP_FULL: 6 },
    pipeline: pipeline.counters(),
    rings: [{ name: 'events', pendingBytes: 100, sizeBytes: 4096 }],
    processes: { size: 5, capacity: 10 },
    hooks: [{ key: 'lsm:file_open', policies: ['a', 'b'], instructions: 700 }],
    programs: [
      {
        attach: 'file_open',
        section: 'lsm/file_open',
        sensor: 'generic_lsm',
        programId: 3,
        runCount: 10,
        runTimeNs: 4e9,
        policies: [policyEntry('a', 30), policyEntry('b', 10)],
      },
    ],
    maps: [{ name: 'processes', entries: 300, capacity: 32_768 }],
    missedRuns: [['lsm:file_open', 2]],
    policies: { loaded: 2, refused: 1 },
    generations: { switches: 4, totalMs: 2000, lastMs: 500 },
  };
}

function policyEntry(name: string, weight: number): PolicyEntry {
  return { name, mode: 'enforce', seesReturn: false, weight };
}

export function samplePolicy(name: string, change: Partial<TracingPolicyStatus> = {}): TracingPolicyStatus {
  const counts = { post: 5, signal: 0, monitor_signal: 0, override: 3, monitor_override: 0, nopost: 0 };
  const selector = {
    hook: 'file_open',
    hook_index: { value: 0 },
    selector_index: { value: 1 },
    action_counters: counts,
    selector_label: 'secret',
  };
  return {
    id: 1,
    name,
    namespace: 'team',
    info: '',
    sensors: [],
    enabled: true,
    filter_id: 0,
    error: '',
    state: 'TP_STATE_ENABLED',
    kernel_memory_bytes: 8192,
    mode: 'TP_MODE_ENFORCE',
    stats: { action_counters: counts, selector_action_counters: [selector] },
    domain: 'static',
    hook_statuses: [],
    ...change,
  };
}

const outputCounters = {
  writtenBytes: 1000,
  writtenLines: 12,
  notices: 2,
  failures: 1,
  retries: 3,
  droppedLines: { buffer_full: 7, reader_gone: 0, closed: 0, file_deleted: 0 },
  waitingBytes: 50,
  maxBytes: 64,
  lastWriteMs: 1_795_150_718_500,
};

/** What metrics of such an agent are made of. */
export const sampleSources: MetricSources = {
  version: '1.2.3',
  observe: sampleObservation,
  outputs: () => [
    {
      name: '/var/log/a "b".json',
      counters: outputCounters,
      rateLimited: 8,
      aggregated: { taken: 90, lines: 30, joined: 55, waiting: 5 },
    },
  ],
  policies: () => [samplePolicy('a'), samplePolicy('b', { state: 'TP_STATE_LOAD_ERROR', kernel_memory_bytes: 0 })],
  events: undefined,
  records: new RecordMeter({ withHandlingTimes: false }),
  streams: () => ({ clients: 3, dropped: 9 }),
};
