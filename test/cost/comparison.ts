import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { Agent } from '../../src/agent/agent.ts';
import { readObjects, readRuntimeTypes } from '../../src/cli/policies/object-files.ts';
import type { KernelFacts } from '../../src/compiler/kernel-facts.ts';
import { type CostOptions, policyCosts } from '../../src/cost/policy-cost.ts';
import type { Outcome } from '../../src/cost/program-cost.ts';
import { readObjectFunctions } from '../../src/ebpf/object-functions.ts';
import { checkPolicies } from '../../src/policy/check.ts';
import type { Policy } from '../../src/policy/model.ts';
import { tracingPolicy } from '../kernel/harness/policy-text.ts';
import { repositoryRoot } from '../vm/repository-root.ts';

/** What `jatai policy cost` says of one case, and what was counted. */
export interface Comparison {
  readonly name: string;
  /** Instructions that one call takes more than without an agent. */
  readonly measured: number;
  readonly predicted: number;
}

interface Case {
  readonly name: string;
  readonly call: 'open' | 'getppid' | 'read';
  readonly outcome: Outcome;
  readonly spec: string;
}

const folder = '/run/jatai-cost/data';
const file = `${folder}/measured.txt`;
const rounds = 1000;

const openOf = (filter: string) => `
kprobes:
- call: security_file_open
  syscall: false
  args:
  - {index: 0, type: file}
  selectors:
  - ${filter}`;
const matchFile = (operator: string, value: string) =>
  openOf(`matchArgs:\n    - {index: 0, operator: ${operator}, values: ["${value}"]}`);
const openat = (argument: string, filter: string, more = '') => `
kprobes:
- call: sys_openat
  syscall: true${more}
  args:
  - ${argument}
  selectors:
  - matchArgs:
    - ${filter}`;

const cases: readonly Case[] = [
  {
    name: 'file Equal, another name',
    call: 'open',
    outcome: 'refused-early',
    spec: matchFile('Equal', '/srv/other.cfg'),
  },
  { name: 'file Postfix, another name', call: 'open', outcome: 'refused-early', spec: matchFile('Postfix', '.cfg') },
  {
    name: 'file Equal, the same name elsewhere',
    call: 'open',
    outcome: 'refused-late',
    spec: matchFile('Equal', '/srv/measured.txt'),
  },
  { name: 'file Prefix, elsewhere', call: 'open', outcome: 'refused-late', spec: matchFile('Prefix', '/srv/') },
  { name: 'file Equal, matched', call: 'open', outcome: 'matched', spec: matchFile('Equal', file) },
  {
    name: 'matchBinaries, another binary',
    call: 'open',
    outcome: 'refused-early',
    spec: openOf('matchBinaries:\n    - {operator: In, values: [/usr/bin/nothing]}'),
  },
  {
    name: 'lsm file_open Equal, another name',
    call: 'open',
    outcome: 'refused-early',
    spec: `
lsmhooks:
- hook: file_open
  args:
  - {index: 0, type: file}
  selectors:
  - matchArgs:
    - {index: 0, operator: Equal, values: [/srv/other.cfg]}
    matchActions:
    - {action: Override, argError: -1}`,
  },
  {
    name: 'sys_openat, another number',
    call: 'open',
    outcome: 'refused-early',
    spec: openat('{index: 2, type: int}', '{index: 2, operator: Equal, values: ["77"]}'),
  },
  {
    name: 'sys_openat, another string',
    call: 'open',
    outcome: 'refused-early',
    spec: openat('{index: 1, type: string}', '{index: 1, operator: Prefix, values: [/srv/other]}'),
  },
  {
    name: 'sys_openat, matched with its return',
    call: 'open',
    outcome: 'matched',
    spec: openat(
      '{index: 1, type: string}',
      `{index: 1, operator: Equal, values: ["${file}"]}`,
      '\n  return: true\n  returnArg: {index: 0, type: int}',
    ),
  },
  {
    name: 'raw_syscalls, another number',
    call: 'getppid',
    outcome: 'refused-early',
    spec: `
tracepoints:
- subsystem: raw_syscalls
  event: sys_enter
  args:
  - {index: 4, type: uint64}
  selectors:
  - matchArgs:
    - {index: 4, operator: InMap, values: ["105", "117"]}`,
  },
  {
    name: 'security_file_permission, another number and name',
    call: 'read',
    outcome: 'refused-early',
    spec: `
kprobes:
- call: security_file_permission
  syscall: false
  args:
  - {index: 0, type: file}
  - {index: 1, type: int}
  selectors:
  - matchArgs:
    - {index: 0, operator: Equal, values: [/srv/other.cfg]}
    - {index: 1, operator: Equal, values: ["2"]}`,
  },
];

/**
 * Runs each case under an agent in this process and compares what a call takes more with what is predicted. Where
 * instructions are counted instead of time (QEMU's icount) the numbers are exact. `facts` are of this kernel.
 */
export function compareWithMeasurements(facts: KernelFacts, report: (comparison: Comparison) => void): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, 'x');
  const objects = readObjects(facts);
  const options: CostOptions = {
    facts,
    runtime: readRuntimeTypes(),
    sourceText: () => '',
    functions: readObjectFunctions(objects.runtime),
  };
  using agent = new Agent({
    facts,
    objects,
    sinks: [],
    nodeName: 'test',
    log: pino({ level: 'silent' }),
    sourceText: () => '',
  });
  for (const { name, call, outcome, spec } of cases) {
    const policy = readPolicy(tracingPolicy('measured', spec));
    /* Counted again each time: caches of the kernel change. The process sensors do not run in these calls. */
    agent.setPolicies([]);
    const base = timeCalls(call);
    const { refused } = agent.setPolicies([policy]);
    if (refused.length > 0) throw new Error(`${name}: ${refused[0]!.diagnostics[0]!.message}`);
    /* This process waits meanwhile, so that the agent itself takes no part. */
    const measured = timeCalls(call) - base;
    report({ name, measured, predicted: predict(policy, outcome, options) });
  }
}

function predict(policy: Policy, outcome: Outcome, options: CostOptions): number {
  const { attach, outcomes, returns } = policyCosts([policy], options).hooks[0]!.cost;
  const ofReturn =
    returns === undefined ? 0 : returns.attach + (outcome === 'matched' ? returns.awaited : returns.notAwaited);
  const range = outcomes[outcome];
  if (range === undefined) throw new Error(`the program of ${policy.name} never ends as ${outcome}`);
  return attach + range.typical + ofReturn;
}

function readPolicy(yaml: string): Policy {
  const { policies, diagnostics } = checkPolicies(yaml, 'measured.yaml');
  if (diagnostics.length > 0) throw new Error(diagnostics[0]!.message);
  return policies[0]!;
}

function timeCalls(call: string): number {
  const program = path.join(repositoryRoot, 'build/programs/time-calls');
  return Number(execFileSync(program, [call, String(rounds), file], { encoding: 'utf8' }));
}
