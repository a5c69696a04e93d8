import { parseArgs } from 'node:util';
import type { PolicyRequest } from '../../grpc/messages.ts';
import { StatusError } from '../../grpc/status.ts';
import type { PolicyMode } from '../../policy/model.ts';
import { type ConnectionValues, connectionArguments } from '../agent/agent-connection.ts';
import { UsageError } from '../errors.ts';

/** Usage of the options that `parsePolicyNames` takes. */
export const policyNameUsage = `
  -n, --namespace NAME       namespace of the policy
  --domain NAME              its domain: grpc (the default) for policies that were added, static for those of files
`;

export interface NamedPolicies {
  readonly policies: readonly PolicyRequest[];
  /** What stood behind the names. */
  readonly rest: readonly string[];
  readonly connection: ConnectionValues;
}

/** Reads the names of policies, and as many words behind them as `restCount` says. `missing` is said when there are too few. */
export function parsePolicyNames(
  args: string[],
  restCount = 0,
  missing = 'The name of a policy is missing',
): NamedPolicies {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      namespace: { type: 'string', short: 'n', default: '' },
      domain: { type: 'string', default: '' },
      ...connectionArguments,
    },
  });
  if (positionals.length <= restCount) throw new UsageError(missing);
  const names = positionals.slice(0, positionals.length - restCount);
  const { namespace, domain } = values;
  return {
    policies: names.map((name) => ({ name, namespace, domain })),
    rest: positionals.slice(names.length),
    connection: values,
  };
}

/** Does something with each; those that the agent refuses are named. Returns the exit status. */
export async function forEachPolicy(
  policies: readonly PolicyRequest[],
  action: (policy: PolicyRequest) => Promise<void>,
): Promise<number> {
  let status = 0;
  for (const policy of policies) {
    try {
      await action(policy);
    } catch (error) {
      if (!(error instanceof StatusError) || error.status === 'UNAVAILABLE') throw error;
      process.stderr.write(`jatai: the agent refused: ${error.message}\n`);
      status = 1;
    }
  }
  return status;
}

/** Throws a UsageError for what is neither `enforce` nor `monitor`. */
export function parseMode(text: string): PolicyMode {
  if (text === 'enforce' || text === 'monitor') return text;
  throw new UsageError(`The mode "${text}" is not one of enforce, monitor`);
}
