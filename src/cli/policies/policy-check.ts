import { parseArgs } from 'node:util';
import { compilePolicies } from '../../compiler/explain-programs.ts';
import type { Diagnostic } from '../../policy/diagnostic.ts';
import { compareDiagnostics } from '../../policy/finding.ts';
import { printDiagnostics, printDiagnosticsJson } from '../../policy/print-diagnostic.ts';
import { readStoredFacts } from '../machine/read-facts.ts';
import { readRuntimeTypes } from './object-files.ts';
import { type ReadPolicies, readPolicies, requirePaths } from './read-policies.ts';

export const policyCheckUsage = `Usage: jatai policy check FILE|DIR... [options]

Finds the mistakes in policies and shows each with its line. Touches no kernel and needs no root.

  --facts FILE          also find what the kernel that jatai facts described cannot do
  --json                an array of {file, line, column, severity, code, message, hint}

Of a directory, the files that end in .yaml or .yml are checked. Exit status 1 when there is an error, 0 with warnings
at most.

Examples:
  jatai policy check tracing-policies
  jatai policy check policy.yaml --facts kernel.json --json
`;

/** `jatai policy check`: returns the exit status. */
export async function policyCheckCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { facts: { type: 'string' }, json: { type: 'boolean', default: false } },
  });
  const read = readPolicies(requirePaths(positionals));
  const found = values.facts === undefined ? [] : checkAgainstKernel(read, values.facts);
  const diagnostics = [...read.diagnostics, ...found].sort(compareDiagnostics);
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  if (values.json) {
    process.stdout.write(printDiagnosticsJson(diagnostics));
  } else {
    process.stdout.write(printDiagnostics(diagnostics, read.texts));
    process.stdout.write(`${summarise(read, errors, diagnostics.length - errors)}\n`);
  }
  return errors > 0 ? 1 : 0;
}

/** What the kernel of the facts refuses or does weaker than asked, of the policies that are right by themselves. */
function checkAgainstKernel({ policies, sourceText }: ReadPolicies, factsPath: string): Diagnostic[] {
  const facts = readStoredFacts(factsPath);
  const { refused, warnings } = compilePolicies(policies, { facts, runtime: readRuntimeTypes(), sourceText });
  return [...refused.flatMap(({ diagnostics }) => diagnostics), ...warnings];
}

/** `3 files, 4 policies: 1 error, 2 warnings`. */
function summarise({ texts, policies }: ReadPolicies, errors: number, warnings: number): string {
  const verdict = errors + warnings === 0 ? 'no mistakes' : `${count(errors, 'error')}, ${count(warnings, 'warning')}`;
  return `${count(texts.size, 'file')}, ${count(policies.length, 'good policy', 'good policies')}: ${verdict}`;
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
