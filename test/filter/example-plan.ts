import { expect } from 'vitest';
import type { HookPlan, ResolvedHook } from '../../src/compiler/hook-plan.ts';
import type { KernelFacts } from '../../src/compiler/kernel-facts.ts';
import { type PlanResult, planHook } from '../../src/compiler/plan.ts';
import { resolvePolicy } from '../../src/compiler/resolve.ts';
import { checkPolicies } from '../../src/policy/check.ts';
import { exampleFacts } from './example-facts.ts';

export interface ExamplePolicy {
  /** YAML of the entries of `spec`, from its first column on. */
  readonly spec: string;
  readonly mode?: 'enforce' | 'monitor';
}

/** The policies `policy-0`, `policy-1`... with all their hooks, which must share one attach point, as one plan. */
export function planExample(policies: readonly ExamplePolicy[], facts: KernelFacts = exampleFacts): PlanResult {
  const hooks: ResolvedHook[] = policies.flatMap(({ spec, mode = 'enforce' }, index) => {
    const text = [
      'apiVersion: cilium.io/v1alpha1',
      'kind: TracingPolicy',
      `metadata: { name: policy-${index} }`,
      'spec:',
      `  options: [{ name: policy-mode, value: ${mode} }]`,
      ...spec
        .trim()
        .split('\n')
        .map((line) => `  ${line}`),
    ].join('\n');
    const { policies: checked, diagnostics } = checkPolicies(text, `policy-${index}.yaml`);
    const resolution = resolvePolicy(checked[0]!, facts);
    const errors = [...diagnostics, ...resolution.diagnostics].filter(({ severity }) => severity === 'error');
    expect(errors).toEqual([]);
    return resolution.hooks;
  });
  expect(new Set(hooks.map(({ attach }) => attach.target)).size).toBe(1);
  return planHook({
    attach: hooks[0]!.attach,
    hooks,
    planId: 7,
    hookId: 3,
    hostNamespaces: facts.hostNamespaces,
    sourceText: (file, line) => `${file}:${line}`,
  });
}

/** The same, of policies that fit. */
export function examplePlan(policies: readonly ExamplePolicy[], facts?: KernelFacts): HookPlan {
  const { plan, diagnostics } = planExample(policies, facts);
  expect(diagnostics).toEqual([]);
  return plan!;
}

/** Spec of one kprobe on `vfs_read` (file, buffer, count) with the given selectors, as YAML from its first column on. */
export function readHook(selectors: string): string {
  const head = [
    'kprobes:',
    '- call: vfs_read',
    '  syscall: false',
    '  args:',
    '  - { index: 0, type: file }',
    '  - { index: 2, type: size_t }',
  ];
  const lines =
    selectors.trim() === ''
      ? []
      : [
          '  selectors:',
          ...selectors
            .trim()
            .split('\n')
            .map((line) => `  ${line}`),
        ];
  return [...head, ...lines].join('\n');
}
