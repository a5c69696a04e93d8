import type { Event } from '../events/events.ts';
import type { Process } from '../events/processes/process.ts';

/** `EventType` of the API: the numbers are those of the events' fields in `GetEventsResponse`. */
export const eventTypes = {
  UNDEF: 0,
  PROCESS_EXEC: 1,
  PROCESS_EXIT: 5,
  PROCESS_KPROBE: 9,
  PROCESS_TRACEPOINT: 10,
  PROCESS_LOADER: 11,
  PROCESS_UPROBE: 12,
  PROCESS_THROTTLE: 27,
  PROCESS_LSM: 28,
  PROCESS_USDT: 29,
  TEST: 40000,
  RATE_LIMIT_INFO: 40001,
} as const satisfies Readonly<Record<string, number>>;

export type EventTypeName = keyof typeof eventTypes;

/** The type of an event, as filters and metrics name it. */
export function eventTypeName(event: Event): EventTypeName {
  switch (event.kind) {
    case 'exec':
      return 'PROCESS_EXEC';
    case 'exit':
      return 'PROCESS_EXIT';
    case 'loader':
      return 'PROCESS_LOADER';
    case 'hook':
      return hookTypes[event.selector.hook.event];
    case 'throttle':
      return 'PROCESS_THROTTLE';
    case 'rateLimit':
      return 'RATE_LIMIT_INFO';
    default:
      return event satisfies never;
  }
}

/** The process an event is about, when it is about one. */
export function processOf(event: Event): Process | undefined {
  return 'process' in event ? event.process : undefined;
}

export function parentOf(event: Event): Process | undefined {
  return 'parent' in event ? event.parent : undefined;
}

const hookTypes = {
  kprobe: 'PROCESS_KPROBE',
  tracepoint: 'PROCESS_TRACEPOINT',
  lsm: 'PROCESS_LSM',
  uprobe: 'PROCESS_UPROBE',
  usdt: 'PROCESS_USDT',
} as const;
