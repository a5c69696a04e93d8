import type { HookRecord, ReturnRecord } from './decode.ts';
import type { EventArgument, EventSelector } from './event-plan.ts';
import type { Process, TextRange } from './processes/process.ts';
import { argumentValue, type EventValue, returnValue } from './values.ts';

/**
 * Events as sinks receive them. A hook event refers to the record it was made from: it, and all it leads to, is valid
 * only during the call that hands it over.
 */
export type Event = ProcessEvent | ThrottleEvent | RateLimitEvent;

/** What a process did. */
export type ProcessEvent = ExecEvent | ExitEvent | HookEvent | LoaderEvent;

interface EventTime {
  /** Time of the event in nanoseconds since boot. */
  readonly ktimeLow: number;
  readonly ktimeHigh: number;
}

interface EventBase extends EventTime {
  readonly process: Process;
  readonly parent: Process | undefined;
}

/** A cgroup exceeds its rate, so that its events are held back from now on; or does not any more. */
export interface ThrottleEvent extends EventTime {
  readonly kind: 'throttle';
  readonly type: 'THROTTLE_START' | 'THROTTLE_STOP';
  /** Name of the cgroup, last component. */
  readonly cgroup: TextRange;
}

/** The rate limit of an output dropped events since it last said so. */
export interface RateLimitEvent extends EventTime {
  readonly kind: 'rateLimit';
  readonly dropped: number;
}

export interface ExecEvent extends EventBase {
  readonly kind: 'exec';
}

export interface ExitEvent extends EventBase {
  readonly kind: 'exit';
  /** Exit status, 0 when a signal ended the process. */
  readonly status: number;
  /** Signal number, 0 when the process exited by itself. */
  readonly signal: number;
}

/** A call that one selector of one policy matched. */
export interface HookEvent extends EventBase {
  readonly kind: 'hook';
  /** Thread that made the call. */
  readonly tid: number;
  readonly selector: EventSelector;
  readonly record: HookRecord;
  /** Undefined when the hook does not ask for it, or it was not seen. */
  readonly returned: ReturnRecord | undefined;
}

/** A file was mapped to be executed: the program itself, its interpreter, a library. */
export interface LoaderEvent extends EventBase {
  readonly kind: 'loader';
  /** Thread that mapped it. */
  readonly tid: number;
  /** As the process sees it. */
  readonly path: TextRange;
  /** Bytes; empty when the file has none. */
  readonly buildId: TextRange;
}

export interface LabelledValue {
  readonly argument: EventArgument;
  readonly value: EventValue;
}

/** The arguments of a call, in the order of the policy, and the values that are no arguments. */
export function eventArguments(event: HookEvent): LabelledValue[] {
  const { args, data = [] } = event.selector.hook;
  return [...args, ...data].map((argument) => ({ argument, value: argumentValue(event.record, argument) }));
}

/** The return value, when the hook asks for it and it was seen. */
export function eventReturn(event: HookEvent): LabelledValue | undefined {
  const argument = event.selector.hook.returnArg;
  if (argument === undefined || event.returned === undefined) return undefined;
  return { argument, value: returnValue(argument, event.returned.valueLow, event.returned.valueHigh) };
}
