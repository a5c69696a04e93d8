import { expect } from 'vitest';
import { EventPipeline, type EventPipelineOptions } from './event-pipeline.ts';
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
