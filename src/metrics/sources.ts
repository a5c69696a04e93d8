import type { Observation } from '../agent/observation.ts';
import type { AggregationCounters } from '../export/line-aggregator.ts';
import type { OutputCounters } from '../export/line-output.ts';
import type { EventHubCounters } from '../grpc/event-hub.ts';
import type { TracingPolicyStatus } from '../grpc/messages.ts';
import type { EventCounts } from './event-counts.ts';
import type { RecordMeter } from './record-meter.ts';

/** Where metrics read from when somebody asks for them. */
export interface MetricSources {
  readonly version: string;
  readonly observe: () => Observation;
  readonly outputs: () => readonly ObservedOutput[];
  readonly policies: () => readonly TracingPolicyStatus[];
  /** Undefined when nobody watches records. */
  readonly records?: RecordMeter | undefined;
  /** Undefined when events are not counted by their labels. */
  readonly events: EventCounts | undefined;
  /** Of the gRPC event streams; undefined without a server. */
  readonly streams?: (() => EventHubCounters) | undefined;
}

export interface ObservedOutput {
  /** `standard output`, or the name of the file. */
  readonly name: string;
  readonly counters: OutputCounters;
  /** Events kept back by the rate limit. */
  readonly rateLimited: number;
  /** Undefined when equal events are not joined. */
  readonly aggregated?: AggregationCounters | undefined;
}
