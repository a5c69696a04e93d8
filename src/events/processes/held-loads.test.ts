import { describe, expect, test, vi } from 'vitest';
import { EventPipeline } from '../event-pipeline.ts';
import { execBytes, exitBytes, forkBytes, loaderBytes } from '../test-record.ts';
import { loaderRecord, recordFlags } from '../wire.ts';

// biome-ignore lint/suspicious/noExplicitAny: events have many shapes
type Json = any;

const shell = { tgid: 20, execKtime: 10_000n, ktime: 10_000n };
const child = { tgid: 21, execKtime: 20_000n, ktime: 20_000n };
const program = { tgid: 21, execKtime: 30_000n, ktime: 30_000n };
const forked = forkBytes({ ...child, parentTgid: 20, parentKtime: 10_000n });
const buildId = Buffer.from('0102fffe', 'hex');

function exec(fields: typeof shell, binary: string): Buffer {
  return execBytes({ ...fields, parentTgid: 20, parentKtime: 10_000n, binary, cwd: '/', argv: [binary] });
}

function load(of: typeof shell, path: string, flags = 0): Buffer {
  return loaderBytes({ ...of, tid: of.tgid + 1, ktime: of.ktime + 5n, path, buildId, recordFlags: flags });
}

function start() {
  const events: Json[] = [];
  const write = (line: Buffer, from: number, to: number) => events.push(JSON.parse(line.toString('utf8', from, to)));
  const pipeline = new EventPipeline({
    nodeName: 'node-1',
    bootToWallNs: 0n,
    sinks: [{ takes: 'lines', write, flush: () => {}, close: () => {} }],
  });
  const send = (...records: readonly Buffer[]): void => {
    for (const record of records) {
      pipeline.handle(record, 0, record.length);
      record.fill(0xcc);
    }
  };
  /** Kind of each event, and the program it is about. */
  const summary = () =>
    events.map((event) => {
      const [kind, { process, path = '' }] = Object.entries<Json>(event)[0]!;
      return `${kind} ${process.binary} ${path}`.trim();
    });
  return { events, pipeline, send, summary };
}

describe('loader events', () => {
  test('hold the path and the build id, and the thread that mapped the file', () => {
    const { events, send } = start();
    send(exec(shell, '/bin/sh'), load(shell, '/lib/libc.so.6'));
    const { process_loader: event } = events[1];
    expect(event).toMatchObject({ path: '/lib/libc.so.6', buildid: buildId.toString('base64') });
    expect(event.process).toMatchObject({ pid: 20, tid: 21, binary: '/bin/sh' });
    expect(Object.keys(event)).toEqual(['process', 'path', 'buildid', 'parent']);
  });

  test('of a file without a build id have none', () => {
    const { events, send } = start();
    send(exec(shell, '/bin/sh'), loaderBytes({ ...shell, path: '/x' }));
    expect(events[1].process_loader).not.toHaveProperty('buildid');
  });

  test('of a record that contradicts itself are none', () => {
    const { events, send, pipeline } = start();
    const record = load(shell, '/x');
    record.writeUInt32LE(21, loaderRecord.at.build_id_length);
    send(record);
    expect(events).toEqual([]);
    expect(pipeline.counters().decodeErrors.inconsistent).toBe(1);
  });
});

describe('files of a program that is not there yet', () => {
  const early = () => [
    exec(shell, '/bin/sh'),
    Buffer.from(forked),
    load(child, '/bin/true', recordFlags.EXECUTING),
    load(child, '/lib/ld.so', recordFlags.EXECUTING),
  ];

  test('are reported for it, after it', () => {
    const { send, summary, events } = start();
    send(...early(), exec(program, '/bin/true'), load(program, '/lib/libc.so'));
    expect(summary()).toEqual([
      'process_exec /bin/sh',
      'process_exec /bin/true',
      'process_loader /bin/true /bin/true',
      'process_loader /bin/true /lib/ld.so',
      'process_loader /bin/true /lib/libc.so',
    ]);
    expect(events[2].process_loader.parent.binary).toBe('/bin/sh');
  });

  test('are reported before the exit of a process that never got it', () => {
    const { send, summary } = start();
    send(...early(), exitBytes({ ...child, ktime: 40_000n, code: 11 }));
    expect(summary().slice(1)).toEqual([
      'process_loader /bin/sh /bin/true',
      'process_loader /bin/sh /lib/ld.so',
      'process_exit /bin/sh',
    ]);
  });

  test('are reported all the same when its record was lost, or the agent ends', () => {
    const expected = ['process_loader /bin/sh /bin/true', 'process_loader /bin/sh /lib/ld.so'];
    const ended = start();
    ended.send(...early());
    ended.pipeline.close();
    expect(ended.summary().slice(1)).toEqual(expected);
    vi.useFakeTimers();
    const waiting = start();
    waiting.send(...early());
    waiting.pipeline.flush();
    expect(waiting.summary()).toHaveLength(1);
    vi.advanceTimersByTime(6000);
    waiting.pipeline.flush();
    expect(waiting.summary().slice(1)).toEqual(expected);
    vi.useRealTimers();
  });

  test('wait in a bounded number', () => {
    const { send, summary } = start();
    send(exec(shell, '/bin/sh'), Buffer.from(forked));
    for (let index = 0; index <= 1024; index++) send(load(child, `/${index}`, recordFlags.EXECUTING));
    expect(summary()).toHaveLength(1 + 1024);
  });
});
