import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readRuntimeTypes } from '../../src/cli/policies/object-files.ts';
import { compileHook } from '../../src/compiler/compile.ts';
import type { KernelFacts } from '../../src/compiler/kernel-facts.ts';
import { planHook } from '../../src/compiler/plan.ts';
import { resolvePolicy } from '../../src/compiler/resolve.ts';
import { checkPolicies } from '../../src/policy/check.ts';
import { tracingPolicy } from '../kernel/harness/policy-text.ts';
import { repositoryRoot } from '../vm/repository-root.ts';

const count = 200;

function policyText(index: number): string {
  return tracingPolicy(
    `policy-${index}`,
    `
    kprobes:
    - call: security_file_open
      syscall: false
      args:
      - {index: 0, type: file}
      selectors:
      - matchArgs:
        - {index: 0, operator: Equal, values: ["/etc/file-${index}", "/etc/other-${index}"]}
      - matchArgs:
        - {index: 0, operator: Prefix, values: ["/srv/${index}/"]}
      - matchArgs:
        - {index: 0, operator: Postfix, values: [".secret-${index}"]}`,
  );
}

test(`${count} policies of three selectors on one hook are one program; says how long it takes`, () => {
  const facts = JSON.parse(
    readFileSync(path.join(repositoryRoot, 'test/fixtures/facts/debian-6.12.json'), 'utf8'),
  ) as KernelFacts;
  const runtime = readRuntimeTypes();
  const texts = Array.from({ length: count }, (_, index) => policyText(index));
  const start = performance.now();
  const policies = texts.flatMap((text, index) => checkPolicies(text, `${index}.yaml`).policies);
  const hooks = policies.flatMap((policy) => resolvePolicy(policy, facts).hooks);
  const { plan } = planHook({
    attach: hooks[0]!.attach,
    hooks,
    planId: 1,
    hookId: 1,
    hostNamespaces: facts.hostNamespaces,
    sourceText: () => '',
  });
  const { entry } = compileHook(plan!, facts, runtime);
  const spentMs = performance.now() - start;
  console.log(`${count} policies compiled in ${spentMs.toFixed(0)} ms, ${entry.object.length} bytes of object`);
  expect(plan!.specs).toHaveLength(count);
});
