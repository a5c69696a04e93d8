import { connectionUsage, withAgent } from './agent-connection.ts';
import { UsageError } from './errors.ts';
import { parseMode, parsePolicyNames, policyNameUsage } from './policy-request.ts';

export const policySetModeUsage = `Usage: jatai policy set-mode NAME MODE [options]

Changes the mode of a policy of a running agent: enforce, or monitor, which reports what would have been done.
${policyNameUsage}${connectionUsage}`;

/** `jatai policy set-mode`: returns the exit status. */
export async function policySetModeCommand(args: string[]): Promise<number> {
  const { policies, rest, connection } = parsePolicyNames(args, 1);
  const [policy, second] = policies;
  if (second !== undefined) throw new UsageError('One policy and its mode, please');
  const mode = parseMode(rest[0]!) === 'enforce' ? 'TP_MODE_ENFORCE' : 'TP_MODE_MONITOR';
  await withAgent(connection, (client) => client.configurePolicy({ ...policy, mode }));
  return 0;
}
