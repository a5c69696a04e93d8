import { connectionUsage, withAgent } from '../agent/agent-connection.ts';
import { forEachPolicy, parsePolicyNames, policyNameUsage } from './policy-request.ts';

export const policyDeleteUsage = `Usage: jatai policy delete NAME... [options]

Unloads policies that were added to a running agent.
${policyNameUsage}${connectionUsage}`;

/** `jatai policy delete`: returns the exit status. */
export async function policyDeleteCommand(args: string[]): Promise<number> {
  const { policies, connection } = parsePolicyNames(args);
  return withAgent(connection, (client) => forEachPolicy(policies, (policy) => client.deletePolicy(policy)));
}
