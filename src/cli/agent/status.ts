import { parseArgs } from 'node:util';
import type { TracingPolicyStatus } from '../../grpc/messages.ts';
import { asksForJson } from '../output-format.ts';
import { stateText } from '../policies/policy-list.ts';
import { connectionArguments, connectionUsage, withAgent } from './agent-connection.ts';

export const statusUsage = `Usage: jatai status [options]

Says whether an agent runs and how it is; exit status 1 when it does not, or is not well.

  -o, --output FORMAT        text or json
${connectionUsage}`;

/** `jatai status`: returns the exit status. */
export async function statusCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { output: { type: 'string', short: 'o', default: 'text' }, ...connectionArguments },
  });
  const json = asksForJson(values.output);
  const status = await withAgent(values, async (client) => ({
    version: await client.getVersion(),
    health: await client.getHealth(),
    policies: countStates(await client.listPolicies('')),
  }));
  const health = status.health[0];
  const running = health?.status === 'HEALTH_STATUS_RUNNING';
  if (json) process.stdout.write(`${JSON.stringify(status, null, 2)}\n`);
  else {
    const policies = Object.entries(status.policies).map(([state, count]) => `${count} ${state.replace('_', ' ')}`);
    process.stdout.write(`Health: ${health?.details ?? 'unknown'}\nVersion: ${status.version}\n`);
    process.stdout.write(`Policies: ${policies.length === 0 ? 'none' : policies.join(', ')}\n`);
  }
  return running ? 0 : 1;
}

function countStates(policies: readonly TracingPolicyStatus[]): Record<string, number> {
  const groups = Map.groupBy(policies, stateText);
  return Object.fromEntries([...groups].map(([state, members]) => [state, members.length]));
}
