import type { TestContext } from 'vitest';
import { FilterHost } from './filter-host.ts';
import { InputMemory } from './input-memory.ts';
import type { PlanSketch } from './sketch.ts';
import { planSketch } from './test-plan.ts';
import { readTestProcess, type TestProcess } from './test-process.ts';

export interface Setup extends Disposable {
  readonly host: FilterHost;
  readonly process: TestProcess;
}

/** What tests of compiled filters need; skips the test, with the reason, where programs cannot be loaded. */
export function setUp(context: TestContext): Setup {
  if (process.getuid?.() !== 0) context.skip('loading BPF programs needs root');
  const host = new FilterHost();
  const { available, reason } = host.facts.features.rawTracepoint;
  if (!available) {
    host.close();
    context.skip(`raw tracepoint programs: ${reason}`);
  }
  return { host, process: readTestProcess(ownTgid(host)), [Symbol.dispose]: () => host.close() };
}

/** Our pid as a program of the kernel sees it: taken from the record of a policy that matches every call. */
function ownTgid(host: FilterHost): number {
  const sketch: PlanSketch = {
    policies: [{ name: 'all', mode: 'enforce', hooks: [{ args: [], selectors: [] }] }],
    hostNamespaces: {},
  };
  let tgid = 0;
  using filter = host.load(planSketch(sketch, host.facts));
  filter.runWithRecord(new InputMemory().context, (record) => {
    tgid = record.header.tgid;
  });
  return tgid;
}
