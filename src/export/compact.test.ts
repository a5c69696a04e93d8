import { describe, expect, test } from 'vitest';
import { EventPipeline } from '../events/event-pipeline.ts';
import type { EventArgument, EventHook, EventSelector } from '../events/event-plan.ts';
import type { Event } from '../events/events.ts';
import { type Process, wholeRange } from '../events/processes/process.ts';
import {
  type ExecFields,
  execBytes,
  exitBytes,
  fileBytes,
  hookBytes,
  numberBytes,
  returnBytes,
  sockBytes,
  throttleBytes,
} from '../events/test-record.ts';
import { processFlags } from '../events/wire.ts';
import { processOf } from '../filters/event-types.ts';
import { colorsFor } from './colors.ts';
import { compactText } from './compact.ts';

const process1 = { tgid: 7, execKtime: 5n, ktime: 5n };
const plain = { nodeName: 'node1', colors: colorsFor('never', true, {}) };

function textsOf(records: readonly Buffer[], selector?: EventSelector): string[] {
  const texts: string[] = [];
  const pipeline = new EventPipeline({
    nodeName: 'node1',
    bootToWallNs: 0n,
    sinks: [
      {
        takes: 'events',
        write: (event: Event) => texts.push(compactText(event, plain)),
        flush: () => {},
        close: () => {},
      },
    ],
  });
  if (selector !== undefined) pipeline.addPlan({ planId: 1, values: [], selectors: [selector] });
  for (const record of records) pipeline.handle(record, 0, record.length);
  return texts;
}

function exec(fields: Partial<ExecFields> = {}): Buffer {
  return execBytes({ ...process1, binary: '/usr/bin/curl', argv: ['curl', 'https://x', 'a b'], ...fields });
}

describe('compactText of process events', () => {
  const cases: readonly (readonly [name: string, record: Buffer[], expected: string])[] = [
    ['exec', [exec()], '🚀 process node1 /usr/bin/curl https://x "a b"'],
    ['no arguments', [exec({ argv: ['curl'] })], '🚀 process node1 /usr/bin/curl'],
    [
      'exit status',
      [exec(), exitBytes({ ...process1, code: 3 << 8 })],
      '💥 exit    node1 /usr/bin/curl https://x "a b" 3',
    ],
    [
      'exit by signal',
      [exec(), exitBytes({ ...process1, code: 9 })],
      '💥 exit    node1 /usr/bin/curl https://x "a b" SIGKILL',
    ],
    [
      'a cgroup that exceeds its rate',
      [throttleBytes({ ...process1, cgroupId: 5n, until: 9n, name: 'session-4.scope' })],
      '🧬 throttle node1 START session-4.scope',
    ],
    ['an unknown process', [exitBytes({ ...process1, code: 0 })], '💥 exit    node1 "<pid 7>" 0'],
    [
      'a deleted binary with truncated arguments',
      [exec({ flags: processFlags.BINARY_DELETED | processFlags.TRUNC_ARGS })],
      '🚀 process node1 "/usr/bin/curl (deleted)" https://x "a b"…',
    ],
    [
      'terminal control and bidirectional characters',
      [exec({ binary: '/tmp/\u001b[2Jx', argv: ['x', '\u202egnp\n', Buffer.of(0xff)] })],
      '🚀 process node1 "/tmp/\\x1b[2Jx" \\u{202e}gnp\\n \ufffd',
    ],
  ];
  for (const [name, records, expected] of cases) {
    test(name, () => expect(textsOf(records).at(-1)).toBe(expected));
  }
});

interface Call {
  readonly event?: EventHook['event'];
  readonly name: string;
  readonly args: readonly (readonly [EventArgument['type'], Buffer])[];
  readonly action?: EventSelector['action'];
  readonly monitoredAction?: EventSelector['action'];
  readonly returned?: bigint;
}

function callText({ event = 'kprobe', name, args, action, monitoredAction, returned }: Call): string {
  const [subsystem = '', tracepoint = ''] = event === 'tracepoint' ? name.split('/') : [];
  const selector: EventSelector = {
    hook: {
      policyName: 'p',
      policyNamespace: undefined,
      event,
      functionName: name,
      subsystem,
      tracepoint,
      uprobe: { path: '/bin/bash', symbol: name, offset: 0, refCtrOffset: 0 },
      usdt: { path: '/lib/libc.so.6', provider: 'libc', name },
      args: args.map(([type], value) => ({ value, type, spelledType: type, label: '' })),
      returnArg: returned === undefined ? undefined : { value: -1, type: 'sint32', spelledType: 'int', label: '' },
      message: '',
      tags: [],
    },
    index: 0,
    label: '',
    post: true,
    action: action ?? 'KPROBE_ACTION_POST',
    monitoredAction,
    returnFilters: [],
  };
  const callId = returned === undefined ? 0n : 1n;
  const values = args.map(([, bytes]) => ({ bytes }));
  const records = [exec(), hookBytes({ ...process1, planId: 1, matches: [0], values, callId })];
  if (returned !== undefined) records.push(returnBytes({ ...process1, callId, value: returned }));
  return textsOf(records, selector).at(-1)!.replace('node1 /usr/bin/curl ', '');
}

describe('compactText of calls', () => {
  const file = ['file', fileBytes('/etc/passwd', 0o100644)] as const;
  const tcp = [
    'sock',
    sockBytes({
      family: 2,
      protocol: 6,
      saddr: Buffer.of(10, 0, 0, 1),
      sport: 1234,
      daddr: Buffer.of(10, 0, 0, 2),
      dport: 80,
    }),
  ] as const;
  const number = (value: number): readonly ['sint32', Buffer] => ['sint32', numberBytes(value)];
  const text = (value: string): readonly ['string', Buffer] => ['string', Buffer.from(value)];
  const cases: readonly (readonly [call: Call, expected: string])[] = [
    [{ name: '__x64_sys_openat', args: [number(-100), text('/a b')] }, '📬 openat  "/a b"'],
    [
      { name: '__x64_sys_write', args: [file, text('x'), ['uint64', numberBytes(29)]] },
      '📝 write   /etc/passwd 29 bytes',
    ],
    [{ name: '__arm64_sys_setuid', args: [number(0)] }, '🔑 setuid  0'],
    [{ name: '__x64_sys_setns', args: [number(3), number(0x40000000)] }, '🔧 setns   net'],
    [{ name: 'tcp_connect', args: [tcp] }, '🔌 connect tcp 10.0.0.1:1234 -> 10.0.0.2:80'],
    [{ name: 'tcp_sendmsg', args: [tcp, number(5)] }, '📤 sendmsg tcp 10.0.0.1:1234 -> 10.0.0.2:80 bytes 5'],
    [{ name: 'security_file_permission', args: [file, number(2)] }, '📝 write   /etc/passwd'],
    [{ name: 'security_file_permission', args: [file, number(4)] }, '📚 read    /etc/passwd'],
    [{ name: 'security_mmap_file', args: [file, ['uint32', numberBytes(5)]] }, '📝 mmap-rx /etc/passwd'],
    [{ name: 'security_file_open', args: [file], returned: -1n }, '❓ syscall security_file_open /etc/passwd = -1'],
    [{ event: 'tracepoint', name: 'raw_syscalls/sys_enter', args: [['syscall64', numberBytes(60)]] }, '☎ syscall 60'],
    [{ event: 'tracepoint', name: 'sched/sched_switch', args: [] }, '⁉️ tracepoint sched sched_switch'],
    [
      { event: 'lsm', name: 'file_open', args: [file], action: 'KPROBE_ACTION_OVERRIDE' },
      '🔒 LSM     file_open /etc/passwd OVERRIDE',
    ],
    [{ event: 'uprobe', name: 'readline', args: [text('x')] }, '🕵️ uprobe  /bin/bash readline x'],
    [{ event: 'usdt', name: 'setjmp', args: [number(1)] }, '🕵️ usdt    /lib/libc.so.6 libc setjmp 1'],
    [
      { event: 'lsm', name: 'file_open', args: [file], monitoredAction: 'KPROBE_ACTION_SIGKILL' },
      '🔒 LSM     file_open /etc/passwd would SIGKILL',
    ],
  ];
  for (const [call, expected] of cases) {
    test(`${call.event ?? 'kprobe'} ${call.name} (${expected})`, () => expect(callText(call)).toBe(expected));
  }
});

test('compactText of a mapped file', () => {
  let process: Process | undefined;
  const write = (event: Event): void => {
    process = processOf(event);
  };
  const sinks = [{ takes: 'events' as const, write, flush: () => {}, close: () => {} }];
  const pipeline = new EventPipeline({ nodeName: 'node1', bootToWallNs: 0n, sinks });
  const record = exec();
  pipeline.handle(record, 0, record.length);
  const event: Event = {
    kind: 'loader',
    process: process!,
    parent: undefined,
    ktimeLow: 0,
    ktimeHigh: 0,
    tid: 7,
    path: wholeRange(Buffer.from('/lib/a b.so')),
    buildId: wholeRange(Buffer.of(0xab, 1)),
  };
  expect(compactText(event, plain)).toBe('🧬 loader  node1 /usr/bin/curl /lib/a b.so ab01');
});

describe('colorsFor', () => {
  test('auto needs a terminal and no NO_COLOR', () => {
    expect(colorsFor('auto', true, {}).red('x')).toBe('\u001b[31mx\u001b[0m');
    expect(colorsFor('auto', false, {}).red('x')).toBe('x');
    expect(colorsFor('auto', true, { NO_COLOR: '1' }).red('x')).toBe('x');
    expect(colorsFor('always', false, { NO_COLOR: '1' }).red('x')).toBe('\u001b[31mx\u001b[0m');
  });
});
