import type { EventArgument, EventHook, EventPlan, EventSelector } from './event-plan.ts';

/** The argument of `hookOf`. */
export const fileArgument: EventArgument = { value: 0, type: 'file', spelledType: 'file', label: '' };

/** A hook with a file. */
export function hookOf(changes: Partial<EventHook> = {}): EventHook {
  return {
    policyName: 'p1',
    policyNamespace: undefined,
    event: 'kprobe',
    functionName: 'security_file_open',
    subsystem: '',
    tracepoint: '',
    args: [fileArgument],
    returnArg: undefined,
    message: '',
    tags: [],
    ...changes,
  };
}

/** A selector of a hook that reports. */
export function selectorOf(hook: EventHook, changes: Partial<EventSelector> = {}): EventSelector {
  return {
    hook,
    index: 0,
    label: '',
    post: true,
    action: 'KPROBE_ACTION_POST',
    monitoredAction: undefined,
    returnFilters: [],
    ...changes,
  };
}

/** Plan 1, with a match bit for each selector. */
export function planOf(...selectors: EventSelector[]): EventPlan {
  return { planId: 1, values: [], selectors };
}
