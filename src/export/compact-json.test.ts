import { describe, expect, test } from 'vitest';
import type { EventSink } from '../events/event-sink.ts';
import { replaySample, sampleLines, sampleTitle } from '../events/sample-replay.ts';
import { colorsFor } from './colors.ts';
import { compactText } from './compact.ts';
import { compactJsonText } from './compact-json.ts';

const colors = colorsFor('never', false, {});
const plain = { colors, timestamps: false, stackTraces: true, imaHash: true };

describe('compact text of JSON is that of the event', () => {
  for (const [index, line] of sampleLines.entries()) {
    const sample = JSON.parse(line);
    test(`${index + 1}: ${sampleTitle(sample)}`, () => {
      const texts: string[] = [];
      const sink: EventSink = {
        takes: 'events',
        write: (event) => texts.push(compactText(event, { nodeName: sample.node_name, colors })),
        flush: () => {},
        close: () => {},
      };
      replaySample(sample, () => [sink]);
      expect(compactJsonText(sample, plain)).toBe(texts.at(-1));
    });
  }
});

describe('compact text of what this agent does not make', () => {
  const process = { binary: '/usr/bin/app', pid: 7 };
  const cases: readonly (readonly [name: string, event: object, expected: string])[] = [
    [
      'a pod',
      { process_exec: { process: { ...process, arguments: 'a b', pod: { namespace: 'shop', name: 'web-1' } } } },
      '🚀 process shop/web-1 /usr/bin/app a b',
    ],
    [
      'a loader event',
      { process_loader: { process, path: '/lib/libc.so.6', buildid: 'q80=' }, node_name: 'n' },
      '🧬 loader  n /usr/bin/app /lib/libc.so.6 abcd',
    ],
    [
      'a throttled cgroup',
      { process_throttle: { type: 'THROTTLE_STOP', cgroup: 'a b' }, node_name: 'n' },
      '🧬 throttle n STOP "a b"',
    ],
    [
      'missing events',
      { rate_limit_info: { number_of_dropped_process_events: '5' }, node_name: 'n' },
      '🧬 rate_limit n 5 events dropped',
    ],
    [
      'a uprobe with bytes',
      {
        process_uprobe: { process, path: '/bin/bash', symbol: 'readline', args: [{ bytes_arg: 'YQpi' }] },
        node_name: 'n',
      },
      '🕵️ uprobe  n /usr/bin/app /bin/bash readline "a\\nb"',
    ],
    [
      'a stack trace',
      {
        process_kprobe: {
          process,
          function_name: 'f',
          kernel_stack_trace: [{ address: '18446744071563051008', symbol: 'do_it', offset: '16' }],
          user_stack_trace: [{ offset: '32', module: '/usr/bin/app' }],
        },
        node_name: 'n',
      },
      '❓ syscall n /usr/bin/app f\n   Kernel:\n     0xffffffff800f0000: do_it+0x10\n   User space:\n     +0x20 (/usr/bin/app)',
    ],
    [
      'a hash',
      { process_lsm: { process, function_name: 'bprm_check_security', ima_hash: 'sha256:ab' }, node_name: 'n' },
      '🔒 LSM     n /usr/bin/app bprm_check_security\n   IMA hash: sha256:ab',
    ],
    [
      'an argument of a kind to come',
      { process_lsm: { process, function_name: 'h', args: [{ new_arg: { a: 1 } }] } },
      '🔒 LSM     /usr/bin/app h {"new_arg":{"a":1}}',
    ],
    [
      'control characters',
      { process_exec: { process: { binary: '/x\u001b[2J', arguments: '\u202ea' } } },
      '🚀 process "/x\\x1b[2J" \\u{202e}a',
    ],
    ['an event of a kind to come', { process_new: { process } }, ''],
  ];
  for (const [name, event, expected] of cases) {
    test(name, () => expect(compactJsonText(event, plain)).toBe(expected));
  }

  test('the time in front', () => {
    const event = { process_exec: { process }, time: '2026-11-20T05:05:44Z', node_name: 'n' };
    expect(compactJsonText(event, { ...plain, timestamps: true })).toBe(
      '2026-11-20T05:05:44Z 🚀 process n /usr/bin/app',
    );
  });
});
