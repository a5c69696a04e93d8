import { expect } from 'vitest';
import { EventPipeline, type EventPipelineOptions } from './event-pipeline.ts';
import type { EventArgument, EventHook, EventPlan, EventSelector } from './event-plan.ts';
import { type ExecFields, execBytes, fileBytes, type HookFields, hookBytes } from './test-record.ts';

/** An event as it was written. */
// biome-ignore lint/suspicious/noExplicitAny: events have many shapes
export type Json = any;

/** In nanoseconds. */
export const second = 1_000_000_000n;
/** Two programs, by what their records have in common. */
export const shell = { tgid: 100, execKtime: 10n * second, ktime: 10n * second };
export const cat = { tgid: 200, execKtime: 20n * second, ktime: 20n * second };

/** `exec_id` of a process. */
export function execId(ktime: bigint, tgid: number): string {
  return Buffer.from(`node1:${ktime}:${tgid}`).toString('base64');
}

/** A pipeline and what comes out of it. */
export function startPipeline(options: Partial<EventPipelineOptions> = {}) {
  const events: Json[] = [];
  const pipeline = new EventPipeline({
    nodeName: 'node1',
    bootToWallNs: 0n,
    sinks: [
      {
        takes: 'lines',
        write: (line, from, to) => {
          expect(line[to - 1]).toBe(0x0a);
          events.push(JSON.parse(line.toString('utf8', from, to)));
        },
        flush: () => {},
        close: () => {},
      },
    ],
    ...options,
  });
  const send = (...records: Buffer[]): void => {
    for (const record of records) {
      // Somewhere in a larger buffer, as in the ring.
      const ring = Buffer.concat([Buffer.alloc(24, 0xaa), record, Buffer.alloc(24, 0xbb)]);
      pipeline.handle(ring, 24, record.length);
      ring.fill(0xcc);
    }
  };
  return { pipeline, events, send };
}

/** An exec record. */
export function exec(fields: Partial<ExecFields> & Pick<ExecFields, 'tgid' | 'execKtime' | 'ktime'>): Buffer {
  return execBytes({ binary: '/bin/sh', cwd: '/', argv: ['sh'], ...fields });
}

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

/** A record of plan 1: `cat` has opened a file. */
export function opened(fields: Partial<HookFields> = {}): Buffer {
  return hookBytes({
    ...cat,
    ktime: 21n * second,
    planId: 1,
    matches: [0],
    values: [{ bytes: fileBytes('/etc/shadow', 0o100640) }],
    ...fields,
  });
}
