import type { Observation } from '../agent/observation.ts';
import type { OutputCounters } from '../export/line-output.ts';
import type { EventHubCounters } from '../grpc/event-hub.ts';
import type { EventCounts } from './event-counts.ts';

/** Where metrics read from when somebody asks for them. */
export interface MetricSources {
  readonly version: string;
  readonly observe: () => Observation;
  readonly outputs: () => readonly ObservedOutput[];
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
}
