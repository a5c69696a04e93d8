import type { HooksFile } from '../../agent/hooks-file.ts';
import { alignColumns, count } from '../../compiler/explain-text.ts';
import type { Activity, HookActivity, ProgramActivity } from '../../cost/activity.ts';

/** Policies of a hook that are named before the rest is counted. */
const mostNamed = 3;

/** One reading of `jatai top` as text that ends with a newline; lines are cut at `columns`. */
export function printActivity(activity: Activity, hooks: HooksFile, columns: number): string {
  const numbers = new Set([2, 3, 4, 5]);
  const title = ['HOOK', 'BY', 'CALLS/S', 'NS/CALL', '%CPU', 'MISSED'];
  const programs = [
    [...title, 'POLICIES'],
    ...activity.hooks.map((hook) => [...programRow(hook), namePolicies(hook)]),
    ...activity.sensors.map((sensor) => [...programRow(sensor), '(process sensor)']),
  ];
  const policies = [
    ['POLICY', 'MODE', 'HOOKS', '%CPU, ESTIMATED'],
    ...activity.policies.map(({ name, mode, hooks: number, share }) => [name, mode, String(number), percent(share)]),
  ];
  const agent = `agent ${hooks.pid}, switch ${hooks.switches}, ${count(hooks.hooks.length, 'hook')}`;
  const lines = [
    `${new Date().toISOString()}  ${agent}, ${percent(activity.share)} % of a CPU in all programs`,
    '',
    ...alignColumns(programs, numbers),
    ...(activity.policies.length === 0 ? [] : ['', ...alignColumns(policies, new Set([2, 3]))]),
    '',
  ];
  return `${lines.map((line) => line.slice(0, columns)).join('\n')}\n`;
}

function programRow({ name, section, callsPerSecond, nsPerCall, share, missed }: ProgramActivity): string[] {
  return [
    name,
    section.slice(0, section.indexOf('/')),
    callsPerSecond.toFixed(callsPerSecond < 100 ? 1 : 0),
    nsPerCall === 0 ? '-' : nsPerCall.toFixed(0),
    percent(share),
    String(missed),
  ];
}

function namePolicies({ policies }: HookActivity): string {
  const named = policies.slice(0, mostNamed).map(({ name }) => name);
  const others = policies.length - named.length;
  return others === 0 ? named.join(', ') : `${named.join(', ')} and ${others} more`;
}

function percent(share: number): string {
  return (share * 100).toFixed(share < 0.001 ? 4 : 2);
}
