import { describe, expect, test } from 'vitest';
import { EventPipeline, type EventPipelineOptions } from '../event-pipeline.ts';
import { argvBytes, dataBytes, type ExecFields, execBytes, exitBytes, forkBytes } from '../test-record.ts';
import { recordFlags, recordHeader } from '../wire.ts';

const header = { ktime: 20_000n, execKtime: 20_000n, tgid: 20, parentTgid: 1, parentKtime: 1000n };
const all: Partial<EventPipelineOptions> = { environment: { names: undefined } };

// biome-ignore lint/suspicious/noExplicitAny: events have many shapes
type Json = any;

/** The process of each event. */
function processesOf(options: Partial<EventPipelineOptions>, ...records: readonly Buffer[]): Json[] {
  const events: Json[] = [];
  const write = (line: Buffer, start: number, end: number): number =>
    events.push(JSON.parse(line.toString('utf8', start, end)));
  const pipeline = new EventPipeline({
    nodeName: 'node-1',
    bootToWallNs: 0n,
    sinks: [{ takes: 'lines', write, flush: () => {}, close: () => {} }],
    ...options,
  });
  pipeline.cache.addProcess({
    tgid: 1,
    ktimeNs: 1000n,
    parentTgid: 0,
    parentKtimeNs: 0n,
    binary: Buffer.from('/sbin/init'),
    args: Buffer.from('init\0'),
    environment: Buffer.from('HOME=/\0TERM=linux\0'),
    cwd: undefined,
    uid: 0,
    auid: 0,
    nsPid: 1,
  });
  for (const record of records) pipeline.handle(record, 0, record.length);
  pipeline.close();
  return events.flatMap((event) => {
    const { process, parent } = event.process_exec ?? event.process_exit;
    return [process, parent];
  });
}

function exec(environment: readonly (string | Uint8Array)[], more: Partial<ExecFields> = {}): Buffer {
  return execBytes({ ...header, binary: '/bin/login', argv: ['login', 'x'], environment, ...more });
}

function quiet(record: Buffer): Buffer {
  record.writeUInt16LE(recordFlags.QUIET, recordHeader.at.flags);
  return record;
}

describe('environment variables', () => {
  test('of a program and of one from /proc, in their order', () => {
    const [process, parent] = processesOf(all, exec(['A=1', 'B=', '=c', 'D=e=f', 'PATH=/bin\n"']));
    expect(process).toMatchObject({ arguments: 'x', flags: 'execve' });
    expect(process.environment_variables).toEqual([
      { Key: 'A', Value: '1' },
      { Key: 'B' },
      { Value: 'c' },
      { Key: 'D', Value: 'e=f' },
      { Key: 'PATH', Value: '/bin\n"' },
    ]);
    expect(parent.environment_variables).toEqual([
      { Key: 'HOME', Value: '/' },
      { Key: 'TERM', Value: 'linux' },
    ]);
  });

  test('without an equals sign, and without being text', () => {
    const [process] = processesOf(all, exec(['A', Buffer.of(0x42, 0x3d, 0xff)]));
    expect(process.environment_variables).toEqual([
      { Key: 'invalid', Value: 'A' },
      { Key: 'B', Value: '\ufffd' },
    ]);
  });

  test('only those that are asked for', () => {
    const names = new Set(['B', 'HOME']);
    const [process, parent] = processesOf({ environment: { names } }, exec(['A=1', 'B=2', 'BB=3', 'B', 'B=4']));
    expect(process.environment_variables).toEqual([
      { Key: 'B', Value: '2' },
      { Key: 'B', Value: '4' },
    ]);
    expect(parent.environment_variables).toEqual([{ Key: 'HOME', Value: '/' }]);
    const [none] = processesOf({ environment: { names: new Set(['X']) } }, exec(['A=1']));
    expect(none).not.toHaveProperty('environment_variables');
  });

  test('are not kept unless they are asked for', () => {
    const [process, parent] = processesOf({}, exec(['A=1']));
    expect(process).not.toHaveProperty('environment_variables');
    expect(parent).not.toHaveProperty('environment_variables');
  });

  test('are redacted like arguments, in each event', () => {
    const redact = (binary: string, text: string) => text.replace(/(?<=PASS=).+/, '*****').replace('login', binary);
    const records = [exec(['A=1', 'PASS=secret', 'C=login']), exitBytes({ ...header, ktime: 21_000n, code: 0 })];
    const [first, , second] = processesOf({ ...all, redact }, ...records);
    const expected = [
      { Key: 'A', Value: '1' },
      { Key: 'PASS', Value: '*****' },
      { Key: 'C', Value: '/bin/login' },
    ];
    expect([first.environment_variables, second.environment_variables]).toEqual([expected, expected]);
  });

  test('of a program whose events are held back are redacted too', () => {
    const redact = (_binary: string, text: string) => text.replace('secret', '*****');
    const held = quiet(exec(['PASS=secret'], { argv: ['login', 'secret'] }));
    const [process] = processesOf({ ...all, redact }, held, exitBytes({ ...header, ktime: 21_000n, code: 0 }));
    expect(process).toMatchObject({
      arguments: '*****',
      environment_variables: [{ Key: 'PASS', Value: '*****' }],
    });
  });

  test('are inherited by a forked process', () => {
    const child = { ...header, tgid: 21, execKtime: 21_000n, ktime: 21_000n, parentTgid: 20, parentKtime: 20_000n };
    const [, , process] = processesOf(all, exec(['A=1']), forkBytes(child), exitBytes({ ...child, code: 0 }));
    expect(process.environment_variables).toEqual([{ Key: 'A', Value: '1' }]);
  });
});

describe('long environments', () => {
  const environment = ['A=1', `B=${'x'.repeat(100)}`, 'C=3'];
  const bytes = argvBytes(['login', 'x', ...environment]);

  test.each([3, 8, 10, 12, 40])('come in pieces, cut after %i bytes', (inline) => {
    const rest = dataBytes(header, inline, bytes.subarray(inline));
    const [process] = processesOf(all, exec(environment, { inline }), rest);
    expect(process).toMatchObject({ arguments: 'x', flags: 'execve' });
    expect(process.environment_variables).toEqual([
      { Key: 'A', Value: '1' },
      { Key: 'B', Value: 'x'.repeat(100) },
      { Key: 'C', Value: '3' },
    ]);
  });

  test('of which the end is lost lack the variable that was cut, and the arguments are whole', () => {
    const [process] = processesOf(all, exec(environment, { inline: 40 }));
    expect(process).toMatchObject({ arguments: 'x', flags: 'execve errorEnvs' });
    expect(process.environment_variables).toEqual([{ Key: 'A', Value: '1' }]);
  });

  test('are lost with the arguments before them', () => {
    const [process] = processesOf(all, exec(environment, { inline: 3 }));
    expect(process.flags).toBe('execve errorEnvs truncArgs');
    expect(process).not.toHaveProperty('environment_variables');
  });

  test('of programs whose events are held back end with the record', () => {
    const held = quiet(exec(environment, { inline: 40 }));
    const [process] = processesOf(all, held, exitBytes({ ...header, ktime: 21_000n, code: 0 }));
    expect(process.flags).toBe('execve errorEnvs');
    expect(process.environment_variables).toEqual([{ Key: 'A', Value: '1' }]);
  });
});
