import { strict as assert } from 'node:assert';
import type { Agent } from '../../../src/agent/agent.ts';
import type { Policy } from '../../../src/policy/model.ts';
import { type BpfMemory, readOwnBpfMemory, waitForBpfMemory } from '../harness/bpf-memory.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { policyOf } from './switches.ts';

/** Kinds of updates and the policies each makes active, one after the other. */
function updatesOf(round: number, folder: string): readonly (readonly [kind: string, policies: readonly Policy[]])[] {
  const policy = (name: string, call: string, mode = 'enforce') =>
    policyOf(
      tracingPolicy(
        name,
        `options:
- {name: policy-mode, value: ${mode}}
kprobes:
- call: ${call}
  syscall: true
  args:
  - {index: ${call === 'sys_openat' ? 1 : 0}, type: string}
  selectors:
  - matchArgs:
    - {index: ${call === 'sys_openat' ? 1 : 0}, operator: Prefix, values: ["${folder}/${round % 10}"]}`,
      ),
    );
  const [stays, comes] = [policy('stays', 'sys_openat'), policy('comes', 'sys_openat')];
  const many = Array.from({ length: 10 }, (_, index) => policy(`many-${index}`, 'sys_openat'));
  return [
    ['add one to a hook', [stays, comes]],
    ['change its mode', [stays, policy('comes', 'sys_openat', 'monitor')]],
    ['replace it', [stays, policy('other', 'sys_openat')]],
    ['add one with a new hook', [stays, comes, policy('elsewhere', 'sys_chdir')]],
    ['remove that', [stays, comes]],
    ['add ten', [stays, comes, ...many]],
    ['remove eleven', [stays]],
  ];
}

export interface UpdateResult {
  readonly updates: number;
  readonly medianMs: Readonly<Record<string, number>>;
  readonly before: BpfMemory;
  readonly after: BpfMemory;
}

/**
 * Changes the policies of an agent in this process `count` times and more, to the end of a round, and waits for the kernel
 * to have freed what is gone. Throws when it has not. Memory is that of the whole machine, or, where others load programs
 * at the same time, of this process.
 */
export async function measureUpdates(
  agent: Agent,
  folder: string,
  count: number,
  memory: 'machine' | 'process' = 'machine',
): Promise<UpdateResult> {
  const times = new Map<string, number[]>();
  let updates = 0;
  const runRound = async (round: number) => {
    for (const [kind, policies] of updatesOf(round, folder)) {
      const start = performance.now();
      const { loaded, refused } = agent.setPolicies(policies);
      times.set(kind, [...(times.get(kind) ?? []), performance.now() - start]);
      assert.deepEqual([loaded.length, refused.length], [policies.length, 0], kind);
      updates++;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await runRound(0);
  const before = memory === 'machine' ? await waitForBpfMemory() : readOwnBpfMemory();
  for (let round = 1; updates < count; round++) await runRound(round);
  const after = memory === 'machine' ? await waitForBpfMemory(before) : readOwnBpfMemory();
  assert.deepEqual(after, before, 'the updates left something in the kernel');
  const medianMs = Object.fromEntries([...times].map(([kind, all]) => [kind, median(all)]));
  return { updates, medianMs, before, after };
}

export function median(all: readonly number[]): number {
  return Math.round(all.toSorted((left, right) => left - right)[all.length >> 1]!);
}
