import { connectionUsage, withAgent } from '../agent/agent-connection.ts';
import { UsageError } from '../errors.ts';
import { parseMode, parsePolicyNames, policyNameUsage } from './policy-request.ts';

export const policySetModeUsage = `Usage: jatai policy set-mode NAME MODE [options]

Changes the mode of a policy of a running agent: enforce, or monitor, which reports what would have been done.
${policyNameUsage}${connectionUsage}`;

/** `jatai policy set-mode`: returns the exit status. */
export async function policySetModeCommand(args: string[]): Promise<number> {
  const { policies, rest, connection } = parsePolicyNames(args, 1, oneAndMode);
  const [policy, second] = policies;
  if (second !== undefined) throw new UsageError(oneAndMode);
  const mode = parseMode(rest[0]!) === 'enforce' ? 'TP_MODE_ENFORCE' : 'TP_MODE_MONITOR';
  await withAgent(connection, (client) => client.configurePolicy({ ...policy, mode }));
  return 0;
}

const oneAndMode = 'The name of one policy and its mode are needed, enforce or monitor';
