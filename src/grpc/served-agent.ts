import type { PolicyKey, PolicyRegistry } from '../agent/policy-registry.ts';
import type { KernelFacts } from '../compiler/kernel-facts.ts';
import type { Event } from '../events/events.ts';
import type { MatchCounts } from '../events/hooks/match-counts.ts';
import type { ProcessEncoderOptions } from '../events/json/process-encoder.ts';
import type { Process } from '../events/processes/process.ts';
import type { Policy, PolicyMode } from '../policy/model.ts';
import type { EventHub } from './event-hub.ts';
import type { FilterMessage, LogLevel } from './messages.ts';

/** What the services need of an agent. */
export interface ServedAgent {
  readonly version: string;
  readonly facts: KernelFacts;
  readonly hub: EventHub;
  readonly registry: PolicyRegistry;
  readonly encoding: () => ProcessEncoderOptions;
  readonly processes: () => Iterable<Process>;
  readonly policyMemory: () => Map<Policy, number>;
  /** Counts of what happened until now: nothing is left in the ring. */
  readonly matchCounts: () => MatchCounts;
  /** Options as Tetragon names them. */
  readonly configuration: Readonly<Record<string, string | boolean>>;
  /** Whether `EnableTracingPolicy` and `DisableTracingPolicy` are served. */
  readonly deprecatedMethods: boolean;
  /**
   * Turns an allow list and a deny list, in the form of their JSON, into a test; undefined when every event passes.
   * Rejects with an Error for a wrong filter.
   */
  readonly compileFilters: (
    allow: readonly FilterMessage[],
    deny: readonly FilterMessage[],
  ) => Promise<((event: Event) => boolean) | undefined>;
  /** Told of every change of policies by a client, for the agent's log. */
  readonly policyChanged: (change: PolicyChange) => void;
  readonly logLevel: { get(): LogLevel; set(level: LogLevel): void };
  /** Rotation of the event file; undefined when there is none. */
  readonly eventLog: EventLog | undefined;
}

export interface PolicyChange {
  readonly action: 'added' | 'changed' | 'deleted';
  readonly policy: PolicyKey;
  /** What was set; a policy that is disabled or only monitors holds nobody back any more. */
  readonly settings: { readonly enabled?: boolean; readonly mode?: PolicyMode };
  /** Who did it: `unix socket`, `10.0.0.7:41234 (CN=ops)`. */
  readonly by: string;
}

export interface EventLogParameters {
  readonly max_size: number;
  readonly rotation_interval: string;
  readonly max_backups: number;
}

export interface EventLog {
  get(): EventLogParameters;
  /** Throws an Error for values that cannot be used. */
  set(parameters: Partial<EventLogParameters>): void;
}
