import { tracingPolicy } from '../../test/kernel/harness/policy-text.ts';
import type { PolicyFiles } from './bench.ts';

/** `count` policies, one file each; `specOf` gives the `spec` of number `index`. */
export function policySet(count: number, specOf: (index: number) => string): PolicyFiles {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => {
      const name = `policy-${String(index).padStart(5, '0')}`;
      return [`${name}.yaml`, tracingPolicy(name, specOf(index))];
    }),
  );
}

/** A kernel function that gets a file or a path, with one path filter. */
export function pathSpec(call: string, index: number, type: string, operator: string, value: string): string {
  return `kprobes:
- call: ${call}
  syscall: false
  args:
  - {index: ${index}, type: ${type}}
  selectors:
  - matchArgs:
    - {index: ${index}, operator: ${operator}, values: ["${value}"]}`;
}

/** security_file_open with one path filter. */
export function fileOpenSpec(operator: string, value: string): string {
  return pathSpec('security_file_open', 0, 'file', operator, value);
}

/** A system call with one filter on one argument. */
export function syscallSpec(call: string, index: number, type: string, operator: string, value: string): string {
  return `kprobes:
- call: ${call}
  syscall: true
  args:
  - {index: ${index}, type: ${type}}
  selectors:
  - matchArgs:
    - {index: ${index}, operator: ${operator}, values: ["${value}"]}`;
}
