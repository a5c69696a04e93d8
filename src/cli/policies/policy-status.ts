import { parseArgs } from 'node:util';
import type { HookStatus, SelectorActionCounters, TracingPolicyStatus } from '../../grpc/messages.ts';
import { connectionArguments, connectionUsage, withAgent } from '../agent/agent-connection.ts';
import { InputError } from '../errors.ts';
import { asksForJson } from '../output-format.ts';
import { memoryText, stateText } from './policy-list.ts';

export const policyStatusUsage = `Usage: jatai policy status [NAME...] [options]

Shows what became of each policy of a running agent: its hooks, what its selectors did, why it is not loaded.
Exit status 1 when a policy that is shown is not active in full.

  -o, --output FORMAT        text or json
  -n, --namespace NAME       only policies of this namespace
  --domain NAME              only those of this domain
${connectionUsage}`;

/** `jatai policy status`: returns the exit status. */
export async function policyStatusCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o', default: 'text' },
      namespace: { type: 'string', short: 'n' },
      domain: { type: 'string', default: '' },
      ...connectionArguments,
    },
  });
  const json = asksForJson(values.output);
  const all = await withAgent(values, (client) => client.listPolicies(values.domain));
  const inNamespace = all.filter(({ namespace }) => values.namespace === undefined || namespace === values.namespace);
  const shown = choose(inNamespace, positionals);
  process.stdout.write(json ? `${JSON.stringify({ policies: shown }, null, 2)}\n` : shown.map(statusText).join('\n'));
  return shown.every(({ state }) => state === 'TP_STATE_ENABLED' || state === 'TP_STATE_DISABLED') ? 0 : 1;
}

function choose(policies: readonly TracingPolicyStatus[], names: readonly string[]): readonly TracingPolicyStatus[] {
  if (names.length === 0) return policies;
  for (const name of names) {
    if (!policies.some((policy) => policy.name === name)) throw new InputError(`the agent has no policy "${name}"`);
  }
  return policies.filter(({ name }) => names.includes(name));
}

function statusText(policy: TracingPolicyStatus): string {
  const place = policy.namespace === '' ? '' : `, namespace ${policy.namespace}`;
  const mode = policy.mode.replace('TP_MODE_', '').toLowerCase().replace('_', ' ');
  const lines = [
    `${policy.name} (id ${policy.id}, domain ${policy.domain}${place})`,
    `  ${stateText(policy).replace('_', ' ')}, ${mode}, ${memoryText(policy.kernel_memory_bytes)} of kernel memory`,
    ...(policy.info === '' ? [] : [`  from ${policy.info}`]),
    ...policy.hook_statuses.map(hookText),
    ...(policy.stats?.selector_action_counters ?? []).map(selectorText).filter((text) => text !== ''),
    ...(policy.error === '' ? [] : policy.error.split('\n').map((line) => `  ${line}`)),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function hookText({ section, hook_idx: index, hook_description: target, state }: HookStatus): string {
  const words = { STATUS_LOADED: 'loaded', STATUS_CALL_NOT_FOUND: 'not found', STATUS_UNSPECIFIED: 'not loaded' };
  return `  ${section}[${index}] ${target}: ${words[state]}`;
}

/** What a selector did so far; nothing when it did nothing. */
function selectorText({ hook, selector_index: index, selector_label: label, ...rest }: SelectorActionCounters): string {
  const counts = Object.entries(rest.action_counters).filter(([, count]) => count > 0);
  if (counts.length === 0) return '';
  const name = label === '' ? `selector ${index.value}` : `selector ${index.value} "${label}"`;
  return `  ${hook} ${name}: ${counts.map(([action, count]) => `${action} ${count}`).join(', ')}`;
}
