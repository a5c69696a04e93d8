import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { policyFilesIn } from '../../agent/policy-files.ts';
import { splitDocuments, withPolicyMode } from '../../client/policy-yaml.ts';
import { StatusError } from '../../grpc/status.ts';
import { checkPolicies } from '../../policy/check.ts';
import type { Diagnostic } from '../../policy/diagnostic.ts';
import { printDiagnostics } from '../../policy/print-diagnostic.ts';
import { connectionArguments, connectionUsage, withAgent } from '../agent/agent-connection.ts';
import { InputError, UsageError } from '../errors.ts';
import { parseMode } from './policy-request.ts';

export const policyAddUsage = `Usage: jatai policy add FILE|DIR... [options]

Loads policies into a running agent; all of them are live when the command returns. "-" is standard input. Of a directory,
the files that end in .yaml or .yml are taken. When the agent refuses one, those before it stay.

  -m, --mode MODE            enforce or monitor, whatever the policies say
  --domain NAME              domain of the policies (default grpc)
${connectionUsage}`;

/** `jatai policy add`: returns the exit status. */
export async function policyAddCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      mode: { type: 'string', short: 'm' },
      domain: { type: 'string', default: '' },
      ...connectionArguments,
    },
  });
  if (positionals.length === 0) throw new UsageError('A policy file is missing');
  const mode = values.mode === undefined ? undefined : parseMode(values.mode);
  const files = positionals.flatMap((path) => (path === '-' ? [path] : filesOf(path)));
  const sources = new Map(files.map((file) => [file, readFileSync(file === '-' ? 0 : file, 'utf8')]));
  /* Found here, a mistake is shown with the name of its file, and before anything was added. */
  const errors = [...sources].flatMap(([file, text]) => errorsOf(file, text));
  if (errors.length > 0) {
    process.stderr.write(printDiagnostics(errors, sources));
    return 1;
  }
  const policies = [...sources].flatMap(([file, text]) => splitDocuments(text).map((yaml) => ({ file, yaml })));
  await withAgent(values, async (client) => {
    for (const [index, { file, yaml: text }] of policies.entries()) {
      const yaml = mode === undefined ? text : withPolicyMode(text, mode);
      try {
        await client.addPolicy({ yaml, domain: values.domain });
      } catch (error) {
        /* The agent knows no names of files. */
        const before = index === 0 ? '' : `; ${index} of ${policies.length} policies were, before it`;
        if (error instanceof StatusError) process.stderr.write(`jatai: ${file}: not added${before}\n`);
        throw error;
      }
    }
  });
  return 0;
}

/** Throws an InputError for a directory without policies. */
function filesOf(path: string): string[] {
  const files = policyFilesIn(path);
  if (files.length === 0)
    throw new InputError(`${path}: the directory has no policies`, 'Policies are files that end in .yaml or .yml.');
  return files;
}

function errorsOf(file: string, text: string): Diagnostic[] {
  return checkPolicies(text, file).diagnostics.filter(({ severity }) => severity === 'error');
}
