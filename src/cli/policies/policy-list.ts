import { parseArgs } from 'node:util';
import type { ActionCounters, TracingPolicyStatus } from '../../grpc/messages.ts';
import { connectionArguments, connectionUsage, withAgent } from '../agent/agent-connection.ts';
import { asksForJson } from '../output-format.ts';
import { printTable } from '../print-table.ts';

export const policyListUsage = `Usage: jatai policy list [options]

Lists the policies of a running agent.

  -o, --output FORMAT        text or json
  --domain NAME              only those of this domain
${connectionUsage}`;

/** `jatai policy list`: returns the exit status. */
export async function policyListCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      output: { type: 'string', short: 'o', default: 'text' },
      domain: { type: 'string', default: '' },
      ...connectionArguments,
    },
  });
  const json = asksForJson(values.output);
  const policies = await withAgent(values, (client) => client.listPolicies(values.domain));
  process.stdout.write(json ? `${JSON.stringify({ policies }, null, 2)}\n` : policyTable(policies));
  return 0;
}

/** The columns of `tetra tracingpolicy list`. */
function policyTable(policies: readonly TracingPolicyStatus[]): string {
  const head = 'ID NAME DOMAIN STATE FILTERID NAMESPACE SENSORS KERNELMEMORY MODE NPOST NENFORCE NMONITOR'.split(' ');
  return printTable([head, ...policies.map(policyRow)]);
}

function policyRow(policy: TracingPolicyStatus): string[] {
  const counters = policy.stats?.action_counters;
  return [
    String(policy.id),
    policy.name,
    policy.domain,
    stateText(policy),
    String(policy.filter_id),
    policy.namespace === '' ? '(global)' : policy.namespace,
    policy.sensors.join(','),
    memoryText(policy.kernel_memory_bytes),
    policy.mode.replace('TP_MODE_', '').toLowerCase(),
    String(counters?.post ?? 0),
    String(sum(counters, ['signal', 'override'])),
    String(sum(counters, ['monitor_signal', 'monitor_override'])),
  ];
}

/** `enabled`, `load_error` and so on. */
export function stateText({ state }: TracingPolicyStatus): string {
  return state.replace('TP_STATE_', '').toLowerCase();
}

/** `4.00 kB`, as Tetragon's client writes it. */
export function memoryText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return power === 0 ? `${bytes} B` : `${(bytes / 1024 ** power).toFixed(2)} ${units[power]}`;
}

function sum(counters: ActionCounters | undefined, names: readonly (keyof ActionCounters)[]): number {
  return names.reduce((total, name) => total + (counters?.[name] ?? 0), 0);
}
