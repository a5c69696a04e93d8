import { hookName } from '../events/event-plan.ts';
import type { TypedSink } from '../events/event-sink.ts';
import type { Event, HookEvent } from '../events/events.ts';
import { flagsText } from '../events/json/process-encoder.ts';
import type { Process } from '../events/processes/process.ts';
import { binaryText } from '../events/processes/process-text.ts';
import { argumentValue } from '../events/values.ts';
import { type EventTypeName, eventTypeName, processOf } from '../filters/event-types.ts';
import { BoundedSeries, type Count, type Labels } from './series.ts';

/** Labels that tell processes apart and cost the most series; `--metrics-label-filter` names those to keep. */
export const processLabels = ['namespace', 'workload', 'pod', 'binary'] as const;

/** Counts events as they pass, by the labels of Tetragon's metrics. A sink like any other, which keeps nothing else. */
export class EventCounts implements TypedSink {
  readonly takes = 'events';
  readonly events = new BoundedSeries(maxSeries, 'binary');
  readonly policyEvents = new BoundedSeries(maxSeries, 'binary');
  readonly syscalls = new BoundedSeries(maxSeries, 'binary');
  readonly flags = new BoundedSeries(maxSeries, 'type');
  readonly #labels: ReadonlySet<string>;
  readonly #nodeName: string;
  /** Labels of processes that have been seen. */
  readonly #processes = new WeakMap<Process, Labels>();
  /** By process and kind of event: a series is found once, not for each event. */
  readonly #known = new Map<EventTypeName, WeakMap<Process, Count>>();

  constructor(nodeName: string, labels: readonly string[]) {
    this.#nodeName = nodeName;
    this.#labels = new Set(labels);
  }

  write(event: Event): void {
    this.#countEvent(event);
    if (event.kind === 'exec') this.#countFlags(event.process);
    if (event.kind === 'hook') this.#countHook(event);
  }

  flush(): void {}

  close(): void {}

  #countEvent(event: Event): void {
    const type = eventTypeName(event);
    const process = processOf(event);
    if (process === undefined) {
      this.events.series({ type, ...this.#labelsFor('') }).value++;
      return;
    }
    let known = this.#known.get(type);
    if (known === undefined) {
      known = new WeakMap();
      this.#known.set(type, known);
    }
    let count = known.get(process);
    if (count === undefined) {
      count = this.events.series({ type, ...this.#labelsOf(process) });
      known.set(process, count);
    }
    count.value++;
  }

  #countFlags(process: Process): void {
    for (const type of flagsText(process.flags).split(' ')) {
      if (type !== '') this.flags.series({ type }).value++;
    }
  }

  #countHook(event: HookEvent): void {
    const { hook } = event.selector;
    const labels = this.#labelsOf(event.process);
    const labelled = { policy: hook.policyName, hook: `${hook.event}:${hookName(hook)}`, ...labels };
    this.policyEvents.series(labelled).value++;
    if (hook.subsystem !== 'raw_syscalls') return;
    const [number] = hook.args;
    const value = number === undefined ? undefined : argumentValue(event.record, number);
    const id = value?.kind === 'syscall' ? value.id : value?.kind === 'long' ? value.low : undefined;
    if (id !== undefined) this.syscalls.series({ syscall: String(id), ...labels }).value++;
  }

  #labelsOf(process: Process): Labels {
    let labels = this.#processes.get(process);
    if (labels === undefined) {
      labels = this.#labelsFor(binaryText(process));
      this.#processes.set(process, labels);
    }
    return labels;
  }

  /** Pods are not known to this agent: their labels are there and empty, as Tetragon has them for other processes. */
  #labelsFor(binary: string): Labels {
    const values = { namespace: '', workload: '', pod: '', binary };
    const kept = processLabels.filter((name) => this.#labels.has(name)).map((name) => [name, values[name]]);
    return { ...Object.fromEntries(kept), node_name: this.#nodeName };
  }
}

/** Series of one metric; OpenTelemetry's own bound is 2,000. */
const maxSeries = 1000;
