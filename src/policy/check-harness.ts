import { expect } from 'vitest';
import { checkPolicies } from './check.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { HookSpec, Policy } from './model.ts';
import type { HookSection } from './policy-view.ts';

/** Checks a whole file against diagnostics written as `12:9 error unknown-value: Unknown operator "Equals"`. */
export function check(text: string, expected: readonly string[]): Policy[] {
  const { policies, diagnostics } = checkPolicies(text, 'policy.yaml');
  expect(diagnostics.map(describe)).toEqual(expected);
  return policies;
}

/**
 * Checks one hook. `hook` is the YAML of one list item without its `- `; lines and columns of `expected` count from
 * its own start. Returns the hook when the policy was accepted.
 */
export function checkHook(section: HookSection, hook: string, expected: readonly string[]): HookSpec | undefined {
  const { policies, diagnostics } = checkPolicies(wrapHook(section, hook), 'policy.yaml');
  const shifted = diagnostics.map((found) => ({ ...found, line: found.line - 6, column: found.column - 4 }));
  expect(shifted.map(describe)).toEqual(expected);
  return policies[0]?.hooks[0];
}

/** Checks a filter list of a selector, given as YAML of the selector, on a kprobe with an argument of each common type. */
export function checkSelector(selector: string, expected: readonly string[]): HookSpec | undefined {
  const { policies, diagnostics } = checkPolicies(wrapHook('kprobes', selectorHook(selector)), 'policy.yaml');
  const shifted = diagnostics.map((found) => ({ ...found, line: found.line - 6 - 14, column: found.column - 8 }));
  expect(shifted.map(describe)).toEqual(expected);
  return policies[0]?.hooks[0];
}

function describe(found: Diagnostic): string {
  return `${found.line}:${found.column} ${found.severity} ${found.code}: ${found.message}`;
}

function wrapHook(section: HookSection, hook: string): string {
  const lines = hook.replace(/^\n/, '').trimEnd().split('\n');
  const indentation = /^ */.exec(lines[0]!)![0].length;
  const item = lines.map((line, index) => `${index === 0 ? '  - ' : '    '}${line.slice(indentation)}`);
  return [...policyHead('example'), 'spec:', `  ${section}:`, ...item, ''].join('\n');
}

export function policyHead(name: string): string[] {
  return ['apiVersion: cilium.io/v1alpha1', 'kind: TracingPolicy', 'metadata:', `  name: ${name}`];
}

/** Arguments 0 to 4: a number, a string, a file, a socket, and a type known to the kernel only. */
function selectorHook(selector: string): string {
  const types = ['int', 'string', 'file', 'sock', 'auto'];
  const args = types.flatMap((type, index) => [`- index: ${index}`, `  type: ${type}`]);
  const lines = selector.replace(/^\n/, '').trimEnd().split('\n');
  const indentation = /^ */.exec(lines[0]!)![0].length;
  const item = lines.map((line, index) => `${index === 0 ? '  - ' : '    '}${line.slice(indentation)}`);
  return ['call: some_function', 'syscall: false', 'args:', ...args, 'selectors:', ...item].join('\n');
}
