import { parseArgs } from 'node:util';
import { explainPolicies } from '../../compiler/explain.ts';
import { factsFrom } from '../machine/read-facts.ts';
import { readRuntimeTypes } from './object-files.ts';
import { readPolicies, requirePaths, showDiagnostics } from './read-policies.ts';

export const policyExplainUsage = `Usage: jatai policy explain FILE|DIR... [options]

Shows how a kernel would run policies together: what is attached where and why, which values are read and when, the
decision trees, selectors and actions, what is degraded or refused, and the instructions with their policy lines.
Loads nothing.

  --facts FILE          explain for the kernel that jatai facts described; needs no root
  --no-instructions     leave out the instructions

Without --facts it is this machine's kernel. Exit status 1 when a policy has errors.

Examples:
  jatai policy explain policy.yaml
  jatai policy explain tracing-policies --facts kernel.json --no-instructions
`;

/** `jatai policy explain`: returns the exit status. */
export async function policyExplainCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { facts: { type: 'string' }, 'no-instructions': { type: 'boolean', default: false } },
  });
  const { policies, diagnostics, texts, sourceText } = readPolicies(requirePaths(positionals));
  const facts = await factsFrom(values.facts);
  const hasErrors = showDiagnostics(diagnostics, texts);
  if (policies.length === 0) return 1;
  const options = { runtime: readRuntimeTypes(), sourceText, instructions: !values['no-instructions'] };
  process.stdout.write(explainPolicies(policies, facts, options));
  return hasErrors ? 1 : 0;
}
