import { connectionUsage, withAgent } from '../agent/agent-connection.ts';
import { forEachPolicy, parsePolicyNames, policyNameUsage } from './policy-request.ts';

export const policyEnableUsage = `Usage: jatai policy enable NAME... [options]

Makes policies of a running agent active again.
${policyNameUsage}${connectionUsage}`;

export const policyDisableUsage = `Usage: jatai policy disable NAME... [options]

Takes policies of a running agent out of the kernel; the agent keeps them.
${policyNameUsage}${connectionUsage}`;

/** `jatai policy enable`: returns the exit status. */
export function policyEnableCommand(args: string[]): Promise<number> {
  return configure(args, true);
}

/** `jatai policy disable`: returns the exit status. */
export function policyDisableCommand(args: string[]): Promise<number> {
  return configure(args, false);
}

async function configure(args: string[], enable: boolean): Promise<number> {
  const { policies, connection } = parsePolicyNames(args);
  return withAgent(connection, (client) =>
    forEachPolicy(policies, (policy) => client.configurePolicy({ ...policy, enable })),
  );
}
