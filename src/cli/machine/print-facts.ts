import type { KernelFacts } from '../../compiler/kernel-facts.ts';

/** What a facts file holds. */
export interface FactsFile extends KernelFacts {
  /** Set when the file has only part of what the kernel has: other names are not known to be missing there. */
  readonly partial?: true;
}

/** Facts as JSON with a line for each function, tracepoint and feature. Ends with a newline. */
export function printFacts(facts: FactsFile): string {
  const members = Object.entries(facts).map(([key, value]) => `  ${JSON.stringify(key)}: ${printMember(value)}`);
  return `{\n${members.join(',\n')}\n}\n`;
}

function printMember(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return JSON.stringify(value);
  const entries = Object.entries(value);
  if (entries.length === 0 || typeof entries[0]![1] !== 'object') return JSON.stringify(value);
  const lines = entries.map(([key, entry]) => `    ${JSON.stringify(key)}: ${JSON.stringify(entry)}`);
  return `{\n${lines.join(',\n')}\n  }`;
}
