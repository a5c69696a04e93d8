import { describe, expect, test, vi } from 'vitest';
import { EventPipeline, type EventPipelineOptions } from './event-pipeline.ts';
import type { EventArgument, EventHook, EventPlan, EventSelector } from './event-plan.ts';
import {
  argvBytes,
  dataBytes,
  type ExecFields,
  execBytes,
  exitBytes,
  fileBytes,
  forkBytes,
  type HookFields,
  hookBytes,
  numberBytes,
  returnBytes,
  sockaddrBytes,
  sockBytes,
} from './test-record.ts';
import { processFlags, valueStatus } from './wire.ts';

// biome-ignore lint/suspicious/noExplicitAny: events have many shapes
type Json = any;

const second = 1_000_000_000n;
const shell = { tgid: 100, execKtime: 10n * second, ktime: 10n * second };
const cat = { tgid: 200, execKtime: 20n * second, ktime: 20n * second };

function id(ktime: bigint, tgid: number): string {
  return Buffer.from(`node1:${ktime}:${tgid}`).toString('base64');
}

/** A pipeline and what comes out of it. */
function start(options: Partial<EventPipelineOptions> = {}) {
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

function exec(fields: Partial<ExecFields> & Pick<ExecFields, 'tgid' | 'execKtime' | 'ktime'>): Buffer {
  return execBytes({ binary: '/bin/sh', cwd: '/', argv: ['sh'], ...fields });
}

const fileArgument: EventArgument = { value: 0, type: 'file', spelledType: 'file', label: '' };

function hookOf(changes: Partial<EventHook> = {}): EventHook {
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

function selectorOf(hook: EventHook, changes: Partial<EventSelector> = {}): EventSelector {
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

function planOf(...selectors: EventSelector[]): EventPlan {
  return { planId: 1, values: [], selectors };
}

function opened(fields: Partial<HookFields> = {}): Buffer {
  return hookBytes({
    ...cat,
    ktime: 21n * second,
    planId: 1,
    matches: [0],
    values: [{ bytes: fileBytes('/etc/shadow', 0o100640) }],
    ...fields,
  });
}

describe('process events', () => {
  test('exec after fork: the parent is the process that forked', () => {
    const { events, send } = start();
    send(
      exec(shell),
      forkBytes({ ...cat, parentTgid: 100, parentKtime: shell.execKtime }),
      exec({
        ...cat,
        execKtime: 25n * second,
        ktime: 25n * second,
        flags: processFlags.EXECVE | processFlags.CLONE,
        parentTgid: 100,
        parentKtime: shell.execKtime,
        binary: '/bin/cat',
        argv: ['cat', '-n', 'a b'],
      }),
    );
    const { process, parent } = events[1].process_exec;
    expect(process).toMatchObject({ binary: '/bin/cat', arguments: '-n "a b"', flags: 'execve clone' });
    expect(process.parent_exec_id).toBe(id(shell.execKtime, 100));
    expect(parent).toEqual(events[0].process_exec.process);
  });

  test('second exec: the parent is the execution before', () => {
    const { events, send } = start();
    send(exec(cat), exec({ ...cat, execKtime: 22n * second, parentTgid: 200, parentKtime: cat.execKtime }));
    expect(events[1].process_exec.parent.exec_id).toBe(id(cat.execKtime, 200));
  });

  test('a forked process is a copy of its parent with its own identity', () => {
    const { events, send } = start();
    send(
      exec({ ...shell, flags: processFlags.EXECVE | processFlags.ROOT_CWD, argv: ['sh', 'x'], uid: 7 }),
      forkBytes({ ...cat, parentTgid: 100, parentKtime: shell.execKtime }),
      exitBytes({ ...cat, ktime: 21n * second, code: 3 << 8 }),
    );
    expect(events[1].process_exit).toMatchObject({
      process: {
        pid: 200,
        exec_id: id(cat.execKtime, 200),
        uid: 7,
        binary: '/bin/sh',
        arguments: 'x',
        flags: 'execve',
      },
      parent: { pid: 100 },
      status: 3,
      time: '1970-01-01T00:00:21Z',
    });
    expect(events[1].process_exit.signal).toBeUndefined();
  });

  test('a process keeps its parent after the parent has left the cache', () => {
    const { events, send, pipeline } = start({ graceSeconds: 1, processCacheSize: 3 });
    send(
      exec(shell),
      forkBytes({ ...cat, parentTgid: 100, parentKtime: shell.execKtime }),
      exitBytes({ ...shell, ktime: 21n * second, code: 0 }),
      exec({ tgid: 300, execKtime: 90n * second, ktime: 90n * second }),
      exitBytes({ ...cat, ktime: 91n * second, code: 0 }),
    );
    expect(pipeline.cache.find(100, Number(shell.execKtime & 0xffffffffn), 2)).toBeUndefined();
    expect(events.at(-1).process_exit.parent.pid).toBe(100);
  });

  test('a clock that is set back changes the time of later events, and no id', () => {
    const { events, send, pipeline } = start({ bootToWallNs: 1_000_000n * second });
    send(exec(shell));
    pipeline.clock.setOffset(996_400n * second);
    send(exec({ ...cat, parentTgid: 100, parentKtime: shell.execKtime }));
    send(exitBytes({ ...shell, ktime: 21n * second, code: 0 }));
    expect(events.map(({ time }) => time)).toEqual([
      '1970-01-12T13:46:50Z',
      '1970-01-12T12:47:00Z',
      '1970-01-12T12:47:01Z',
    ]);
    expect(events[2].process_exit.process).toEqual(events[0].process_exec.process);
    expect(events[1].process_exec.parent).toEqual(events[0].process_exec.process);
    expect(events[1].process_exec.process.exec_id).toBe(id(cat.execKtime, 200));
  });

  test('an unknown process is reported with what the record says, and counted', () => {
    const { events, send, pipeline } = start();
    pipeline.addPlan(planOf(selectorOf(hookOf())));
    send(opened(), exitBytes({ tgid: 9, execKtime: 0n, ktime: 30n * second, code: 9 }));
    expect(events[0].process_kprobe.process).toEqual({
      exec_id: id(cat.execKtime, 200),
      pid: 200,
      start_time: '1970-01-01T00:00:20Z',
      tid: 200,
    });
    expect(events[0].process_kprobe.parent).toBeUndefined();
    expect(events[1].process_exit).toMatchObject({ process: { exec_id: id(0n, 9), pid: 9 }, signal: 'SIGKILL' });
    expect(pipeline.counters().unknownProcesses).toBe(2);
  });

  test('a process from /proc has the flag procFS, and becomes the parent of what it forks', () => {
    const { events, send, pipeline } = start();
    pipeline.cache.addProcess({
      tgid: 100,
      ktimeNs: shell.execKtime,
      parentTgid: 0,
      parentKtimeNs: 0n,
      binary: Buffer.from('/usr/sbin/sshd'),
      args: argvBytes(['sshd', '-D']),
      cwd: Buffer.from('/'),
      uid: 0,
      auid: 0xffffffff,
      nsPid: 100,
    });
    send(exec({ ...cat, parentTgid: 100, parentKtime: 0n }));
    expect(events[0].process_exec.parent).toMatchObject({
      binary: '/usr/sbin/sshd',
      arguments: '-D',
      flags: 'procFS rootcwd',
      parent_exec_id: id(1n, 0),
      in_init_tree: false,
    });
  });

  test('binary: deleted, unresolved, container id', () => {
    const { events, send } = start();
    const container = '0123456789abcdef'.repeat(4);
    send(
      exec({ ...cat, binary: '/tmp/x', flags: processFlags.BINARY_DELETED, cgroup: `docker-${container}.scope` }),
      exec({ ...shell, binary: '', filename: 'run.sh', cwd: '/opt', flags: processFlags.ERROR_FILENAME }),
      exec({ ...shell, execKtime: 30n * second, cwd: '/x', flags: processFlags.NO_CWD }),
    );
    expect(events[0].process_exec.process).toMatchObject({
      binary: '/tmp/x (deleted)',
      docker: container.slice(0, 31),
    });
    expect(events[1].process_exec.process).toMatchObject({ binary: '/opt/run.sh', flags: 'errorFilename' });
    expect(events[2].process_exec.process.cwd).toBeUndefined();
  });

  test('raised privileges and nameless binaries are shown with credentials', () => {
    const { events, send } = start({ withCredentials: true });
    const flags = processFlags.RAISED_SETUID | processFlags.BINARY_DELETED | processFlags.RAISED_FILE_CAPS;
    send(exec({ ...cat, flags, setuid: 0, inode: 2n ** 60n, links: 0 }));
    expect(events[0].process_exec.process.binary_properties).toEqual({
      setuid: 0,
      privileges_changed: ['PRIVILEGES_RAISED_EXEC_FILE_CAP', 'PRIVILEGES_RAISED_EXEC_FILE_SETUID'],
      file: { inode: { number: String(2n ** 60n), links: 0 } },
    });
  });
});

describe('long arguments', () => {
  const argv = ['cat', 'x'.repeat(100), 'y'.repeat(100)];
  const bytes = argvBytes(argv);

  test('the event waits for all of them', () => {
    const { events, send } = start();
    send(exec({ ...cat, argv, inline: 50 }), dataBytes(cat, 50, bytes.subarray(50, 120)));
    expect(events).toEqual([]);
    send(dataBytes(cat, 120, bytes.subarray(120)));
    expect(events[0].process_exec.process).toMatchObject({ arguments: argv.slice(1).join(' '), flags: 'execve' });
  });

  test('an exit ends the wait: the arguments are truncated, the order stays', () => {
    const { events, send, pipeline } = start();
    send(exec({ ...cat, argv, inline: 50 }), exitBytes({ ...cat, ktime: 21n * second, code: 0 }));
    expect(events.map((event) => Object.keys(event)[0])).toEqual(['process_exec', 'process_exit']);
    expect(events[0].process_exec.process).toMatchObject({ arguments: 'x'.repeat(46), flags: 'execve truncArgs' });
    expect(pipeline.counters().truncatedArguments).toBe(1);
  });

  test('a lost chunk truncates; what comes after it is counted', () => {
    const { events, send, pipeline } = start();
    send(exec({ ...cat, argv, inline: 50 }), dataBytes(cat, 120, bytes.subarray(120)));
    expect(events[0].process_exec.process.flags).toBe('execve truncArgs');
    send(dataBytes(cat, 190, bytes.subarray(190)));
    expect(pipeline.counters().orphanArguments).toBe(1);
  });

  test('flush reports programs that have waited too long', () => {
    vi.useFakeTimers();
    const { events, send, pipeline } = start();
    send(exec({ ...cat, argv, inline: 50 }));
    vi.advanceTimersByTime(900);
    pipeline.flush();
    expect(events).toEqual([]);
    vi.advanceTimersByTime(200);
    pipeline.flush();
    expect(events[0].process_exec.process.flags).toBe('execve truncArgs');
    vi.useRealTimers();
  });

  test('close reports programs that still wait', () => {
    const { events, send, pipeline } = start();
    send(exec({ ...cat, argv, inline: 50 }));
    pipeline.close();
    expect(events).toHaveLength(1);
  });
});

describe('hook events', () => {
  test('one event for each matched selector that posts', () => {
    const { events, send, pipeline } = start();
    const selectors = Array.from({ length: 70 }, (_, index) =>
      selectorOf(hookOf({ policyName: `p${index}` }), { post: index !== 3 }),
    );
    pipeline.addPlan(planOf(...selectors));
    send(exec(cat), opened({ matches: [0, 3, 31, 32, 63, 64, 69, 100] }));
    const names = events.slice(1).map((event) => event.process_kprobe.policy_name);
    expect(names).toEqual(['p0', 'p31', 'p32', 'p63', 'p64', 'p69']);
    expect(pipeline.counters()).toMatchObject({ notPosted: 1, unknownSelectors: 1 });
  });

  test('an event of another thread has its tid', () => {
    const { events, send, pipeline } = start();
    pipeline.addPlan(planOf(selectorOf(hookOf())));
    send(exec(cat), opened({ tid: 12345 }));
    expect(events[1].process_kprobe.process).toMatchObject({ pid: 200, tid: 12345, in_init_tree: false });
  });

  test('monitor mode says what enforce mode would have done', () => {
    const { events, send, pipeline } = start();
    pipeline.addPlan(planOf(selectorOf(hookOf(), { monitoredAction: 'KPROBE_ACTION_SIGKILL' })));
    send(exec(cat), opened());
    expect(events[1].process_kprobe).toMatchObject({
      action: 'KPROBE_ACTION_POST',
      monitor_action: 'KPROBE_ACTION_SIGKILL',
    });
  });

  test('records of a plan are understood for a while after it is retired', () => {
    const { events, send, pipeline } = start({ graceSeconds: 5 });
    pipeline.addPlan(planOf(selectorOf(hookOf())));
    send(exec(cat), opened());
    pipeline.retirePlan(1, 22n * second);
    send(opened({ ktime: 22n * second }), opened({ ktime: 27n * second }), opened({ ktime: 28n * second }));
    expect(events).toHaveLength(4);
    expect(pipeline.counters().unknownPlans).toBe(1);
  });
});

describe('return values', () => {
  const returnArg: EventArgument = { value: -1, type: 'sint32', spelledType: 'int', label: 'fd' };
  const returning = hookOf({ returnArg });

  test('the event waits for the return of its call', () => {
    const { events, send, pipeline } = start();
    pipeline.addPlan(planOf(selectorOf(returning), selectorOf(hookOf({ policyName: 'p2' }))));
    send(exec(cat), opened({ matches: [0, 1], callId: 2n ** 63n + 5n }));
    expect(events.slice(1).map((event) => event.process_kprobe.policy_name)).toEqual(['p2']);
    send(returnBytes({ ...cat, ktime: 22n * second, callId: 2n ** 63n + 5n, value: -2n }));
    expect(events[2].process_kprobe).toMatchObject({
      policy_name: 'p1',
      args: [{ file_arg: { path: '/etc/shadow', permission: '-rw-r-----' } }],
      return: { int_arg: -2, label: 'fd' },
    });
    expect(events[2].time).toBe('1970-01-01T00:00:21Z');
  });

  test('matchReturnArgs decides when the return is there', () => {
    const { events, send, pipeline } = start();
    const negative = { kind: 'ranges', negate: false, ranges: [{ min: -4095n, max: -1n }] } as const;
    const even = { kind: 'mask', mask: 2n } as const;
    pipeline.addPlan(
      planOf(
        selectorOf(returning, { returnFilters: [negative] }),
        selectorOf({ ...returning, policyName: 'p2' }, { returnFilters: [{ ...negative, negate: true }] }),
        selectorOf({ ...returning, policyName: 'p3' }, { returnFilters: [negative, even] }),
      ),
    );
    send(exec(cat));
    for (const [callId, value] of [
      [1n, -13n],
      [2n, 0xffff_fff3n],
      [3n, 3n],
    ] as const) {
      send(opened({ matches: [0, 1, 2], callId }), returnBytes({ ...cat, callId, value }));
    }
    const reported = events.slice(1).map(({ process_kprobe: event }) => [event.policy_name, event.return.int_arg]);
    expect(reported).toEqual([
      ['p1', -13],
      ['p3', -13],
      ['p1', -13],
      ['p3', -13],
      ['p2', 3],
    ]);
    expect(pipeline.counters().returnsFiltered).toBe(4);
  });

  test('an exit, a full table and close report calls without their return', () => {
    const { events, send, pipeline } = start({ pendingReturns: 2 });
    pipeline.addPlan(planOf(selectorOf(returning)));
    send(exec(cat), exec(shell));
    send(opened({ callId: 1n }), opened({ callId: 2n }), opened({ callId: 3n }));
    expect(events).toHaveLength(3);
    send(exitBytes({ ...cat, ktime: 30n * second, code: 0 }));
    expect(events.slice(2).map((event) => Object.keys(event)[0])).toEqual([
      'process_kprobe',
      'process_kprobe',
      'process_kprobe',
      'process_exit',
    ]);
    send(opened({ ...shell, callId: 4n }));
    pipeline.close();
    expect(events).toHaveLength(7);
    expect(events.every((event) => event.process_kprobe?.return === undefined)).toBe(true);
    send(returnBytes({ ...cat, callId: 1n, value: 0n }));
    expect(pipeline.counters()).toMatchObject({ unreturnedCalls: 4, orphanReturns: 1 });
  });
});

describe('argument values', () => {
  const cases: readonly (readonly [
    name: string,
    type: EventArgument['type'],
    value: { bytes: Uint8Array; status?: number },
    expected: Json,
  ])[] = [
    ['sint8', 'sint8', { bytes: numberBytes(0xff) }, { int_arg: -1 }],
    ['sint16', 'sint16', { bytes: numberBytes(0x8000) }, { int_arg: -32768 }],
    ['sint32 in 4 bytes', 'sint32', { bytes: numberBytes(-2).subarray(0, 4) }, { int_arg: -2 }],
    ['uint8', 'uint8', { bytes: numberBytes(0x1ff) }, { uint_arg: 255 }],
    ['uint16', 'uint16', { bytes: numberBytes(0x1ffff) }, { uint_arg: 65535 }],
    ['uint32', 'uint32', { bytes: numberBytes(-1) }, { uint_arg: 4294967295 }],
    ['sint64', 'sint64', { bytes: numberBytes(-(2n ** 63n)) }, { long_arg: '-9223372036854775808' }],
    ['uint64', 'uint64', { bytes: numberBytes(2n ** 64n - 1n) }, { size_arg: '18446744073709551615' }],
    ['zero', 'sint32', { bytes: numberBytes(0) }, { int_arg: 0 }],
    ['empty string', 'string', { bytes: Buffer.alloc(0) }, { string_arg: '' }],
    ['string with a NUL', 'string', { bytes: Buffer.from('/a\0') }, { string_arg: '/a' }],
    ['invalid UTF-8', 'filename', { bytes: Buffer.of(0x61, 0xff) }, { string_arg: 'a\ufffd' }],
    [
      'unreadable',
      'string',
      { bytes: Buffer.alloc(0), status: valueStatus.UNREADABLE },
      { error_arg: { Message: 'Bad address for basic type' } },
    ],
    [
      'fd with an unresolved path',
      'fd',
      { bytes: fileBytes('/a', 0o104755), status: valueStatus.UNRESOLVED },
      { file_arg: { path: '/a', flags: 'unresolvedPathComponents', permission: '-rwsr-xr-x' } },
    ],
    ['dentry', 'dentry', { bytes: fileBytes('/a', 0o41777) }, { path_arg: { path: '/a', permission: 'drwxrwxrwt' } }],
    [
      'a file value that is too short',
      'file',
      { bytes: Buffer.alloc(4) },
      { error_arg: { Message: 'Value is missing from the record' } },
    ],
    ['syscall', 'syscall64', { bytes: numberBytes(59) }, { syscall_id: { id: 59, abi: 'x64' } }],
    ['compat syscall', 'syscall64', { bytes: numberBytes(0x8000_0000) }, { syscall_id: { abi: 'i386' } }],
    [
      'IPv6 sock',
      'sock',
      {
        bytes: sockBytes({
          family: 10,
          type: 2,
          protocol: 17,
          state: 7,
          mark: 3,
          saddr: Buffer.from('20010db8000000000001000000000001', 'hex'),
          daddr: Buffer.from('00000000000000000000ffff7f000001', 'hex'),
          dport: 53,
        }),
      },
      {
        sock_arg: {
          family: 'AF_INET6',
          type: 'SOCK_DGRAM',
          protocol: 'IPPROTO_UDP',
          mark: 3,
          saddr: '2001:db8::1:0:0:1',
          daddr: '127.0.0.1',
          dport: 53,
          state: 'TCP_CLOSE',
        },
      },
    ],
    [
      'numbers without a name',
      'sock',
      { bytes: sockBytes({ family: 99, type: 77, protocol: 251 }) },
      { sock_arg: { family: '99', type: '77', protocol: '251', state: '0' } },
    ],
    ['unix sockaddr', 'sockaddr', { bytes: sockaddrBytes({ family: 1 }) }, { sockaddr_arg: { family: 'AF_UNIX' } }],
    [
      'IPv6 sockaddr',
      'sockaddr',
      { bytes: sockaddrBytes({ family: 10, sport: 443 }) },
      { sockaddr_arg: { family: 'AF_INET6', addr: '::', port: 443 } },
    ],
  ];
  for (const [name, type, value, expected] of cases) {
    test(name, () => {
      const { events, send, pipeline } = start();
      const argument: EventArgument = { value: 0, type, spelledType: type, label: '' };
      pipeline.addPlan(planOf(selectorOf(hookOf({ args: [argument] }))));
      send(exec(cat), opened({ values: [value] }));
      expect(events[1].process_kprobe.args).toEqual([expected]);
    });
  }
});

describe('corrupt records', () => {
  const whole = [
    exec({ ...cat, argv: ['cat', 'x'] }),
    forkBytes({ ...cat, parentTgid: 1, parentKtime: 1n }),
    exitBytes({ ...cat, code: 0 }),
    opened({ callId: 9n }),
    returnBytes({ ...cat, callId: 9n, value: 0n }),
    dataBytes(cat, 0, Buffer.from('abc')),
  ];

  test('a record cut anywhere is an error, never an exception', () => {
    const { pipeline } = start();
    let cuts = 0;
    for (const record of whole) {
      for (let length = 0; length < record.length; length++) {
        const cut = Buffer.from(record.subarray(0, length));
        pipeline.handle(cut, 0, length);
        if (length >= 4) {
          cut.writeUInt32LE(length, 0);
          pipeline.handle(cut, 0, length);
        }
        cuts++;
      }
    }
    const { decodeErrors } = pipeline.counters();
    expect(decodeErrors.truncated + decodeErrors.inconsistent).toBeGreaterThanOrEqual(cuts);
  });

  test('random damage is never an exception and always valid JSON', () => {
    const { pipeline } = start();
    pipeline.addPlan(planOf(selectorOf(hookOf())));
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let round = 0; round < 20_000; round++) {
      const record = Buffer.from(whole[random(whole.length)]!);
      for (let damage = random(4); damage >= 0; damage--) record[random(record.length)] = random(256);
      pipeline.handle(record, 0, record.length);
    }
    pipeline.close();
    expect(pipeline.counters().records).toBe(20_000);
  });

  test('an unknown kind is counted', () => {
    const { pipeline, send } = start();
    const record = Buffer.from(whole[2]!);
    record.writeUInt16LE(99, 4);
    send(record);
    expect(pipeline.counters().decodeErrors.unknownKind).toBe(1);
  });
});
