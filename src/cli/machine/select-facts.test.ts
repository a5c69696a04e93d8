import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkPolicies } from '../../policy/check.ts';
import { printFacts } from './print-facts.ts';
import { readFactsFile } from './read-facts.ts';
import { selectFacts, selectionFor } from './select-facts.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const facts = readFactsFile(join(root, 'test', 'fixtures', 'facts', 'debian-6.12.json'));

function selectionOf(hooks: string) {
  const head = 'apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: example\nspec:\n';
  const { policies, diagnostics } = checkPolicies(head + hooks, 'policy.yaml');
  expect(diagnostics).toEqual([]);
  const { functions, tracepoints, rawTracepoints, syscalls } = selectionFor(policies);
  return {
    functions: [...functions],
    tracepoints: [...tracepoints],
    rawTracepoints: [...rawTracepoints],
    syscalls: [...syscalls!],
  };
}

describe('selectionFor', () => {
  test('names the function, and the LSM hook that may stand in for it', () => {
    expect(selectionOf('  kprobes:\n  - call: security_file_open\n    syscall: false\n')).toEqual({
      functions: ['security_file_open', 'bpf_lsm_file_open'],
      tracepoints: [],
      rawTracepoints: [],
      syscalls: [],
    });
  });

  test('names everything a system call can be hooked by', () => {
    expect(selectionOf('  kprobes:\n  - call: sys_openat\n    syscall: true\n')).toEqual({
      functions: ['__x64_sys_openat', '__arm64_sys_openat'],
      tracepoints: ['syscalls/sys_enter_openat', 'syscalls/sys_exit_openat'],
      rawTracepoints: [],
      syscalls: ['openat'],
    });
  });

  test('names LSM hooks, tracepoints and raw tracepoints', () => {
    const raw = (text: string) => `  - subsystem: sched\n    event: ${text}\n`;
    const hooks = `  lsmhooks:\n  - hook: file_open\n  tracepoints:\n${raw('sched_switch')}${raw('sched_process_exec\n    raw: true')}`;
    expect(selectionOf(hooks)).toEqual({
      functions: ['security_file_open', 'bpf_lsm_file_open'],
      tracepoints: ['sched/sched_switch'],
      rawTracepoints: ['sched_switch', 'sched_process_exec'],
      syscalls: [],
    });
  });
});

describe('selectFacts', () => {
  test('keeps what is selected and there, in order, and says that it is a part', () => {
    const selection = {
      functions: new Set(['tcp_connect', 'no_such_function', 'bpf_lsm_file_open']),
      tracepoints: new Set<string>(),
      rawTracepoints: new Set<string>(),
      syscalls: undefined,
    };
    const selected = selectFacts(facts, selection);
    expect(Object.keys(selected.functions)).toEqual(['bpf_lsm_file_open', 'tcp_connect']);
    expect(selected).toMatchObject({
      partial: true,
      tracepoints: {},
      syscalls: facts.syscalls,
      features: facts.features,
    });
  });
});

test('printFacts gives what readFactsFile reads, a line for each function', () => {
  const printed = printFacts(facts);
  expect(JSON.parse(printed)).toEqual(facts);
  expect(printed).toMatch(/^ {4}"tcp_connect": \{.*\},?$/m);
});
