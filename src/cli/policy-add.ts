import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { splitDocuments, withPolicyMode } from '../client/policy-yaml.ts';
import { checkPolicies } from '../policy/check.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import { printDiagnostics } from '../policy/print-diagnostic.ts';
import { connectionArguments, connectionUsage, withAgent } from './agent-connection.ts';
import { UsageError } from './errors.ts';
import { parseMode } from './policy-request.ts';

export const policyAddUsage = `Usage: jatai policy add FILE... [options]

Loads policies into a running agent; all of them are live when the command returns. "-" is standard input.

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
  const sources = new Map(positionals.map((file) => [file, readFileSync(file === '-' ? 0 : file, 'utf8')]));
  /* Found here, a mistake is shown with the name of its file, and before anything was added. */
  const errors = [...sources].flatMap(([file, text]) => errorsOf(file, text));
  if (errors.length > 0) {
    process.stderr.write(printDiagnostics(errors, sources));
    return 1;
  }
  const policies = [...sources.values()].flatMap(splitDocuments);
  await withAgent(values, async (client) => {
    for (const text of policies) {
      const yaml = mode === undefined ? text : withPolicyMode(text, mode);
      await client.addPolicy({ yaml, domain: values.domain });
    }
  });
  return 0;
}

function errorsOf(file: string, text: string): Diagnostic[] {
  return checkPolicies(text, file).diagnostics.filter(({ severity }) => severity === 'error');
}
