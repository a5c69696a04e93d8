import { describe, expect, test } from 'vitest';
import type { JsonEvent } from './agent-client.ts';
import { ProcessTree } from './process-tree.ts';

const shell = { exec_id: 'shell', parent_exec_id: 'init', pid: 1, binary: '/bin/sh' };
const child = { exec_id: 'child', parent_exec_id: 'shell', pid: 2, binary: '/bin/ls' };
const grandchild = { exec_id: 'grandchild', parent_exec_id: 'child', pid: 3, binary: '/bin/cat' };

function exec(process: object, parent?: object): JsonEvent {
  return { process_exec: { process, parent }, node_name: 'n' };
}

function call(process: object, parent?: object): JsonEvent {
  return { process_kprobe: { process, parent, function_name: 'f' }, node_name: 'n' };
}

/** `depth kind exec_id` of every line. */
function linesOf(...events: readonly JsonEvent[]): string[] {
  const tree = new ProcessTree();
  return events
    .flatMap((event) => tree.add(event))
    .map(({ depth, event }) => {
      const kind = Object.keys(event)[0]!;
      return `${depth} ${kind} ${event[kind].process?.exec_id ?? ''}`.trimEnd();
    });
}

describe('ProcessTree', () => {
  test('children stand below their parents, calls below their processes', () => {
    expect(linesOf(exec(shell), exec(child, shell), call(child, shell), exec(grandchild, child), call(shell))).toEqual([
      '0 process_exec shell',
      '1 process_exec child',
      '2 process_kprobe child',
      '2 process_exec grandchild',
      '1 process_kprobe shell',
    ]);
  });

  test('a process that was there before is shown first', () => {
    expect(linesOf(call(child, shell), call(child, shell))).toEqual([
      '0 process_exec shell',
      '1 process_exec child',
      '2 process_kprobe child',
      '2 process_kprobe child',
    ]);
  });

  test('an event without a process stands at the left', () => {
    expect(linesOf({ rate_limit_info: { number_of_dropped_process_events: '5' } })).toEqual(['0 rate_limit_info']);
  });

  test('events without ids stand side by side', () => {
    const nameless = { binary: '/bin/ls', pid: 2 };
    expect(linesOf(exec(nameless), exec(nameless, nameless), call(nameless, nameless))).toEqual([
      '0 process_exec',
      '0 process_exec',
      '0 process_kprobe',
    ]);
  });
});
