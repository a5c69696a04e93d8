import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readFactsFile } from '../cli/machine/read-facts.ts';
import { readRuntimeTypes } from '../cli/policies/object-files.ts';
import type { KernelFacts } from '../compiler/kernel-facts.ts';
import { readObjectFunctions } from '../ebpf/object-functions.ts';
import { checkPolicies } from '../policy/check.ts';
import type { Policy } from '../policy/model.ts';
import { type PolicyCosts, policyCosts } from './policy-cost.ts';

const root = join(import.meta.dirname, '..', '..');

/** The facts in `test/fixtures/facts`. */
export function exampleKernel(name = 'debian-6.12'): KernelFacts {
  return readFactsFile(join(root, 'test', 'fixtures', 'facts', `${name}.json`));
}

/** Functions of an object in `build/`. */
export function builtFunctions(object = 'loop/runtime.o') {
  return readObjectFunctions(readFileSync(join(root, 'build', object)));
}

/** Policies, each the entries of a `spec` in YAML, named `policy-0`, `policy-1`... */
export function examplesOf(...specs: readonly string[]): Policy[] {
  return specs.flatMap((spec, index) => {
    const body = spec.trim().replaceAll(/^/gm, '  ');
    const yaml = `apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: policy-${index}}\nspec:\n${body}\n`;
    const { policies, diagnostics } = checkPolicies(yaml, `policy-${index}.yaml`);
    if (diagnostics.length > 0) throw new Error(diagnostics[0]!.message);
    return policies;
  });
}

export function costsOf(policies: readonly Policy[], facts = exampleKernel()): PolicyCosts {
  const functions = builtFunctions(facts.features.bpfLoop.available ? 'loop/runtime.o' : 'runtime.o');
  return policyCosts(policies, { facts, runtime: readRuntimeTypes(), sourceText: () => '', functions });
}

/** A hook of opened files with one filter of the path. */
export function fileOpens(operator: string, ...values: readonly string[]): string {
  return `kprobes:
- call: security_file_open
  syscall: false
  args:
  - {index: 0, type: file}
  selectors:
  - matchArgs:
    - {index: 0, operator: ${operator}, values: [${values.join(', ')}]}`;
}
