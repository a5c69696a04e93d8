import { describe, expect, test } from 'vitest';
import { EventPipeline } from './event-pipeline.ts';
import { execBytes, exitBytes, throttleBytes } from './test-record.ts';
import { recordFlags } from './wire.ts';

const second = 1_000_000_000n;
const shell = { tgid: 100, execKtime: second, ktime: second };

/** A pipeline that collects its events, without the parts that do not matter here. */
function start() {
  const lines: string[] = [];
  const pipeline = new EventPipeline({
    nodeName: 'node1',
    bootToWallNs: 0n,
    sinks: [
      {
        takes: 'lines',
        write: (line, from, to) => lines.push(line.toString('utf8', from, to)),
        flush: () => {},
        close: () => {},
      },
    ],
  });
  const send = (...records: Buffer[]): void => {
    for (const record of records) pipeline.handle(record, 0, record.length);
  };
  return { pipeline, lines, send };
}

function throttle(atSeconds: bigint, name = 'a.scope', cgroupId = 7n): Buffer {
  const ktime = atSeconds * second;
  return throttleBytes({ ...shell, ktime, cgroupId, until: ktime + 6n * second, name });
}

function exec(atSeconds: bigint, flags = 0): Buffer {
  const ktime = atSeconds * second;
  return execBytes({ ...shell, ktime, execKtime: ktime, binary: '/bin/sh', cwd: '/', recordFlags: flags });
}

function line(type: string, seconds: number, cgroup = 'a.scope'): string {
  const time = new Date(seconds * 1000).toISOString().replace('.000', '');
  return `{"process_throttle":{"type":"${type}","cgroup":"${cgroup}"},"node_name":"node1","time":"${time}"}\n`;
}

describe('throttle events', () => {
  test('one start, however often the kernel says so, and one stop when it says no more', () => {
    const { pipeline, lines, send } = start();
    send(throttle(10n), throttle(11n), throttle(12n));
    expect(lines).toEqual([line('THROTTLE_START', 10)]);
    pipeline.passTime(17n * second);
    expect(lines).toHaveLength(1);
    pipeline.passTime(19n * second);
    expect(lines).toEqual([line('THROTTLE_START', 10), line('THROTTLE_STOP', 18)]);
  });

  test('the stop comes before the first event that is let through again', () => {
    const { lines, send } = start();
    send(throttle(10n), exec(17n));
    expect(lines.map((text) => text.slice(2, 14))).toEqual(['process_thro', 'process_thro', 'process_exec']);
  });

  test('a cgroup that exceeds its rate again starts again; cgroups are independent', () => {
    const { pipeline, lines, send } = start();
    send(throttle(10n), throttle(11n, 'b.scope', 8n), throttle(20n));
    pipeline.passTime(30n * second);
    expect(lines).toEqual([
      line('THROTTLE_START', 10),
      line('THROTTLE_START', 11, 'b.scope'),
      line('THROTTLE_STOP', 16),
      line('THROTTLE_STOP', 17, 'b.scope'),
      line('THROTTLE_START', 20),
      line('THROTTLE_STOP', 26),
    ]);
  });

  test('what is held back is no event, and known all the same', () => {
    const { pipeline, lines, send } = start();
    send(exec(10n, recordFlags.QUIET));
    expect(lines).toEqual([]);
    expect(pipeline.cache.find(100, Number((10n * second) & 0xffff_ffffn), Number((10n * second) >> 32n))?.uid).toBe(0);
    send(
      exitBytes({ ...shell, ktime: 11n * second, execKtime: 10n * second, code: 0, recordFlags: recordFlags.QUIET }),
    );
    expect(lines).toEqual([]);
    expect(pipeline.counters().unknownProcesses).toBe(0);
  });

  test('the root of the cgroups is a slash', () => {
    const { lines, send } = start();
    send(throttle(10n, ''));
    expect(lines).toEqual([line('THROTTLE_START', 10, '/')]);
  });

  test('a name without end is refused', () => {
    const { pipeline, lines, send } = start();
    const record = throttle(10n);
    record.fill(0x61, record.length - 256);
    send(record);
    expect(lines).toEqual([]);
    expect(pipeline.counters().decodeErrors.inconsistent).toBe(1);
  });
});
