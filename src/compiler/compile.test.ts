import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { exampleFacts, factsWithout } from '../../test/filter/example-facts.ts';
import { examplePlan, readHook } from '../../test/filter/example-plan.ts';
import { BtfFile } from '../ebpf/btf-reader.ts';
import { readElfSection } from '../ebpf/elf-reader.ts';
import type { BuiltFunction } from '../ebpf/instruction.ts';
import { compileHook, returnSectionOf, sectionOf } from './compile.ts';

const runtimeObject = readFileSync(path.join(import.meta.dirname, '../../build/runtime.o'));
const runtime = BtfFile.parse(readElfSection(runtimeObject, '.BTF')!);

const selectors = `
- matchArgs:
  - { index: 0, operator: Prefix, values: [/etc/] }
  - { index: 2, operator: GT, values: ["100"] }
`;

function callsOf({ instructions }: BuiltFunction): string[] {
  return instructions.flatMap(({ relocation }) => (relocation?.kind === 'call' ? [relocation.symbol] : []));
}

test('the same plan gives the same bytes', () => {
  const bytes = () => compileHook(examplePlan([{ spec: readHook(selectors) }]), exampleFacts, runtime).entry.object;
  expect(bytes()).toEqual(bytes());
});

test('a value that only some calls need is read by a function of its own', () => {
  const { entry, returns } = compileHook(examplePlan([{ spec: readHook(selectors) }]), exampleFacts, runtime);
  expect(entry).toMatchObject({ section: 'fentry/vfs_read', name: 'j_vfs_read' });
  expect(returns).toBeUndefined();
  const [program, reader] = entry.functions;
  expect(reader!.name).toBe('read_value_0');
  expect(callsOf(program!).filter((name) => /^read_(typed_)?file$/.test(name))).toEqual([]);
  expect(callsOf(reader!)).toEqual([expect.stringMatching(/^read_(typed_)?file$/)]);
});

test('instructions carry the lines of the policies they come from', () => {
  const { entry } = compileHook(examplePlan([{ spec: readHook(selectors) }]), exampleFacts, runtime);
  const lines = new Set(
    entry.functions.flatMap(({ instructions }) => instructions.flatMap(({ source }) => source?.text ?? [])),
  );
  expect([...lines].sort()).toEqual(['policy-0.yaml:13', 'policy-0.yaml:14', 'policy-0.yaml:15']);
});

test('a return value is reported by a second program', () => {
  const spec = `${readHook(selectors)}\n  return: true\n  returnArg: { index: 0, type: long }`;
  const compile = (facts: typeof exampleFacts) => compileHook(examplePlan([{ spec }], facts), facts, runtime);
  expect(compile(exampleFacts).returns).toMatchObject({ section: 'fexit/vfs_read', name: 'r_vfs_read' });
  expect(compile(factsWithout('fentry')).returns).toMatchObject({ section: 'kretprobe/vfs_read' });
});

test('the frame is claimed without atomic exchange where the kernel has none', () => {
  const facts = factsWithout('atomicFetch', 'preemptDisable');
  const { entry } = compileHook(examplePlan([{ spec: readHook('') }]), facts, runtime);
  expect(callsOf(entry.functions[0]!)).toContain('claim_frame_plain');
});

test('whoever has a frame is not preempted where the kernel allows it; kprobes never are', () => {
  const holding = ['claim_frame_holding_cpu', 'let_preempt'];
  const callsWith = (facts: typeof exampleFacts) =>
    callsOf(compileHook(examplePlan([{ spec: readHook('') }], facts), facts, runtime).entry.functions[0]!);
  expect(callsWith(exampleFacts)).toEqual(expect.arrayContaining(holding));
  for (const facts of [factsWithout('preemptDisable'), factsWithout('fentry')]) {
    const calls = callsWith(facts);
    expect(calls).toContain('claim_frame');
    for (const call of holding) expect(calls).not.toContain(call);
  }
});

test('a call that finds no frame is refused where a policy may refuse, and passes elsewhere', () => {
  const actions = '\n  selectors: [{ matchActions: [{ action: Override, argError: -13 }] }]';
  const hook = 'lsmhooks:\n- hook: file_open\n  args: [{ index: 0, type: file }]';
  const callsWith = (spec: string) =>
    callsOf(compileHook(examplePlan([{ spec }]), exampleFacts, runtime).entry.functions[0]!);
  expect(callsWith(hook + actions)).toContain('count_refused_unexamined');
  expect(callsWith(hook)).not.toContain('count_refused_unexamined');
});

test('sections are those of libbpf', () => {
  const { attach } = examplePlan([{ spec: readHook('') }]);
  expect(sectionOf(attach)).toBe('fentry/vfs_read');
  expect(sectionOf({ ...attach, mechanism: 'syscall_tracepoint', target: 'syscalls/sys_enter_openat' })).toBe(
    'tp/syscalls/sys_enter_openat',
  );
  expect(sectionOf({ ...attach, mechanism: 'raw_tracepoint', target: 'sched_process_exec' })).toBe(
    'raw_tp/sched_process_exec',
  );
  expect(returnSectionOf({ ...attach, returns: { mechanism: 'tracepoint', target: 'syscalls/sys_exit_openat' } })).toBe(
    'tp/syscalls/sys_exit_openat',
  );
  expect(returnSectionOf({ ...attach, returns: undefined })).toBeUndefined();
});
