import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readFactsFile } from '../cli/machine/read-facts.ts';
import { readRuntimeTypes } from '../cli/policies/object-files.ts';
import { checkPolicies } from '../policy/check.ts';
import { explainPolicies } from './explain.ts';
import type { KernelFacts } from './kernel-facts.ts';

const testFolder = join(import.meta.dirname, '..', '..', 'test');
const goldenFolder = join(testFolder, 'golden', 'explain');
const kernels = ['debian-5.10', 'debian-6.12', 'no-kprobes-6.18'];

function factsOf(kernel: string): KernelFacts {
  return readFactsFile(join(testFolder, 'fixtures', 'facts', `${kernel}.json`));
}

function explain(yaml: string, facts: KernelFacts, { file = 'policy.yaml', instructions = false } = {}): string {
  const { policies, diagnostics } = checkPolicies(yaml, file);
  expect(diagnostics).toEqual([]);
  const lines = yaml.split('\n');
  const sourceText = (_file: string, line: number) => lines[line - 1] ?? '';
  return explainPolicies(policies, facts, { runtime: readRuntimeTypes(), sourceText, instructions });
}

function functionPolicy(call: string, selectors: string, spec = ''): string {
  return `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: example
spec:${spec}
  kprobes:
  - call: ${call}
    syscall: false
    args:
    - index: 0
      type: auto
    selectors:
${selectors.replaceAll(/^/gm, '    ')}
`;
}

describe.each(kernels)('explainPolicies on %s', (kernel) => {
  test.each(['failed-opens', 'outbound-connections', 'sensitive-files'])('%s', async (policy) => {
    const file = `${policy}.yaml`;
    const text = explain(readFileSync(join(goldenFolder, file), 'utf8'), factsOf(kernel), { file });
    await expect(text).toMatchFileSnapshot(join(goldenFolder, `${policy}.${kernel}.txt`));
  });
});

describe('explainPolicies', () => {
  const facts = factsOf('debian-6.12');

  test('shows what the annotations of a policy add to its events', () => {
    const annotations = 'annotations: {jatai.io/severity: high, jatai.io/mitre-attack: "T1055,T1059.004"}';
    const yaml = functionPolicy('tcp_connect', '- matchActions: [{action: Post}]');
    const text = explain(yaml.replace('name: example\n', `name: example\n  ${annotations}\n`), facts);
    expect(text).toContain('severity high; MITRE ATT&CK T1055, T1059.004\n');
  });

  test('shows instructions with the lines of the policy, those of the return program too', () => {
    const yaml = readFileSync(join(goldenFolder, 'failed-opens.yaml'), 'utf8');
    const text = explain(yaml, facts, { file: 'failed-opens.yaml', instructions: true });
    expect(text).toContain('\n\nInstructions of fentry/__x64_sys_openat\n\nj___x64_sys_openat:\n');
    expect(text).toContain('\n; - index: 1 @ failed-opens.yaml:29\n');
    expect(text).toMatch(/\n\nInstructions of fexit\/__x64_sys_openat\n\nr_\w+:\n/);
  });

  test('counts the values that a long list leaves out', () => {
    const ports = Array.from({ length: 20 }, (_, index) => `"${2 * index + 1}"`).join(', ');
    const selectors = `- matchArgs:\n  - index: 0\n    operator: DPort\n    values: [${ports}]`;
    expect(explain(functionPolicy('tcp_connect', selectors), facts)).toContain(
      'destination port of sk is 1, 3, 5, 7, 9, 11, 13, 15 or 12 more',
    );
  });

  test('puts negations and several actions into words', () => {
    const selectors = `- matchArgs:
  - index: 0
    operator: NotDPort
    values: [443]
  - index: 0
    operator: Protocol
    values: [IPPROTO_TCP]
  matchActions:
  - action: Signal
    argSig: 10
  - action: NoPost`;
    const text = explain(functionPolicy('tcp_connect', selectors), facts);
    expect(text).toContain('destination port of sk is not 443');
    expect(text).toContain('protocol of sk is IPPROTO_TCP');
    expect(text).toContain('=> send SIGUSR1 to the process; no event');
  });

  test('says that full preemption lets calls pass unseen, and where they are not', () => {
    const selectors = '- matchActions:\n  - action: Sigkill';
    const preempted: KernelFacts = { ...facts, preemption: 'full' };
    const kprobe = { available: false, reason: 'no kprobes' };
    const withoutKprobes = { ...preempted, features: { ...facts.features, kprobe } };
    expect(explain(functionPolicy('tcp_connect', selectors), withoutKprobes)).toContain('degraded: preempt=full');
    expect(explain(functionPolicy('tcp_connect', selectors), preempted)).toContain('fentry misses calls');
    expect(explain(functionPolicy('security_file_open', selectors), preempted)).not.toContain('degraded');
  });

  test('joins policies of one hook in one program', () => {
    const one = functionPolicy('tcp_connect', '- matchPIDs:\n  - operator: In\n    values: [1]');
    const text = explain(`${one}---\n${one.replace('name: example', 'name: other')}`, facts);
    expect(text).toContain('for 2 selectors of 2 policies');
    expect(text).toContain('process id is 1  -> decides example and other');
  });

  test('leaves a policy out whose hook the kernel does not have, with the nearest name', () => {
    const text = explain(functionPolicy('tcp_conect', '- matchActions:\n  - action: Post'), facts);
    expect(text).toContain('example  enforce  not loaded');
    expect(text).toContain('The kernel has no function "tcp_conect"');
    expect(text).toContain('hint: Did you mean "tcp_connect"?');
    expect(text).not.toContain('Hook 1');
  });

  test('names what a policy allows to be missing', () => {
    const yaml = functionPolicy('tcp_connect', '- matchPIDs:\n  - operator: In\n    values: [1]');
    const text = explain(
      `${yaml}  - call: missing_here\n    syscall: false\n    ignore:\n      callNotFound: true\n`,
      facts,
    );
    expect(text).toContain('example  enforce  1 of 2 hooks');
    expect(text).toContain(
      'Left out, as the policy allows\n  policy.yaml:16:5: The kernel has no function "missing_here"',
    );
  });
});
