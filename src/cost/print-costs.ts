import { alignColumns, count, indent } from '../compiler/explain-text.ts';
import type { KernelFacts } from '../compiler/kernel-facts.ts';
import type { Policy } from '../policy/model.ts';
import { typicallyAssumed } from './assumptions.ts';
import type { LiveCosts, LiveMeasurement } from './live-cost.ts';
import { type CostOfHook, type CostOfPolicy, callCost, matchCost, type PolicyCosts } from './policy-cost.ts';
import { type HookCost, type Outcome, outcomes } from './program-cost.ts';

const outcomeTitles: Readonly<Record<Outcome, string>> = {
  'refused-early': 'refused early, by the guard',
  'refused-late': 'refused late, after values were read',
  matched: 'matched, with what it does then',
};

/** Costs as text for people; ends with a newline. Pure. */
export function printCosts(costs: PolicyCosts, facts: KernelFacts): string {
  const { pathComponents, nameBytes, stringBytes } = typicallyAssumed;
  const lines = [
    `Kernel ${facts.release}, ${facts.machine}. Machine instructions of one call, counted from the compiled programs.`,
    `Typical: paths of ${pathComponents} components of ${nameBytes} bytes, strings of ${stringBytes} bytes.`,
    ...costs.hooks.flatMap((hook) => ['', ...printHook(hook)]),
    ...(costs.policies.length === 0 ? [] : ['', ...printPolicies(costs.policies)]),
    ...(costs.refused.length === 0 ? [] : ['', 'Not loaded on this kernel, so without cost']),
    ...costs.refused.map(({ file, line, column, message }) => `  ${file}:${line}:${column}: ${message}`),
  ];
  return `${lines.join('\n')}\n`;
}

function printHook({ hook, name, size, cost }: CostOfHook): string[] {
  const policies = new Set(hook.plan.specs.map(({ resolved }) => resolved.policy)).size;
  const ranges = outcomes.flatMap((outcome) => {
    const range = cost.outcomes[outcome];
    return range === undefined
      ? []
      : [[outcomeTitles[outcome], number(range.least), number(range.typical), number(range.most)]];
  });
  const table = alignColumns([['', 'least', 'typical', 'most'], ...ranges], new Set([1, 2, 3]));
  const { returns } = cost;
  return [
    `Hook ${name}: ${hook.entry.section}, ${count(policies, 'policy').replace('policys', 'policies')}, ${size} eBPF instructions`,
    ...indent(table, 2),
    `  on top of each: ${number(cost.attach)} to get into the program and back`,
    ...(returns === undefined
      ? []
      : [
          `  its return, by ${hook.returns!.section}: ${number(returns.attach + returns.notAwaited)} for every call, ` +
            `${number(returns.attach + returns.awaited)} after a match`,
        ]),
  ];
}

function printPolicies(policies: readonly CostOfPolicy[]): string[] {
  const rows = policies.map(({ policy, hook, alone, adds, addsIsMean }) => [
    nameOf(policy),
    hook.name,
    number(callCost(alone)),
    number(matchCost(alone)),
    `${addsIsMean ? '~' : ''}${number(adds)}`,
  ]);
  const notes = policies.some(({ addsIsMean }) => addsIsMean) ? ['  ~ mean of the policies on this hook'] : [];
  return [
    'Policies: a call that does not match and one that does, with this policy alone, and what it adds to the others',
    ...indent(alignColumns([['policy', 'hook', 'no match', 'match', 'adds'], ...rows], new Set([2, 3, 4])), 2),
    ...notes,
  ];
}

/** The same at the rates of calls of this machine; ends with a newline. */
export function printLiveCosts(live: LiveCosts, measured: LiveMeasurement): string {
  const hooks = live.hooks.map(({ hook, callsPerSecond, nsPerCall, share }) => [
    hook.name,
    callsPerSecond.toFixed(1),
    nsPerCall.toFixed(0),
    percent(share),
  ]);
  const policies = live.policies.map(({ cost, alone, adds }) => [nameOf(cost), percent(alone), percent(adds)]);
  const seconds = measured.durationMs / 1000;
  const right = new Set([1, 2, 3]);
  const lines = [
    `Measured here for ${seconds} s; an instruction takes ${measured.instructionNs.toFixed(3)} ns. Shares are of one CPU, when nothing matches.`,
    ...(hooks.length === 0 ? [] : ['', ...alignColumns([['hook', 'calls/s', 'ns/call', 'CPU'], ...hooks], right)]),
    ...(policies.length === 0 ? [] : ['', ...alignColumns([['policy', 'CPU alone', 'CPU added'], ...policies], right)]),
    ...[...measured.failures].map(([section, reason]) => `not measured: ${section}: ${reason}`),
    ...live.warnings.map((warning) => `warning: ${warning}`),
  ];
  return `\n${lines.join('\n')}\n`;
}

/** The same as data: `{kernel, assumed, hooks, policies, refused, live}`. */
export function costsAsJson(
  costs: PolicyCosts,
  facts: KernelFacts,
  live: { readonly costs: LiveCosts; readonly measured: LiveMeasurement } | undefined,
): object {
  return {
    kernel: { release: facts.release, machine: facts.machine },
    assumed: typicallyAssumed,
    hooks: costs.hooks.map(({ hook, name, size, cost }) => ({
      name,
      section: hook.entry.section,
      policies: [...new Set(hook.plan.specs.map(({ resolved }) => nameOf(resolved.policy)))],
      ebpfInstructions: size,
      ...costAsJson(cost),
    })),
    policies: costs.policies.map(({ policy, hook, alone, adds, addsIsMean }) => ({
      name: nameOf(policy),
      file: policy.file,
      hook: hook.name,
      alone: costAsJson(alone),
      adds,
      addsIsMean,
    })),
    refused: costs.refused,
    ...(live === undefined ? {} : { live: liveAsJson(live.costs, live.measured) }),
  };
}

function costAsJson(cost: HookCost): object {
  return { ...cost, noMatch: callCost(cost), match: matchCost(cost) };
}

function liveAsJson(costs: LiveCosts, measured: LiveMeasurement): object {
  return {
    durationMs: measured.durationMs,
    instructionNs: measured.instructionNs,
    hooks: costs.hooks.map(({ hook, ...rest }) => ({ name: hook.name, section: hook.hook.entry.section, ...rest })),
    policies: costs.policies.map(({ cost, ...rest }) => ({ name: nameOf(cost), ...rest })),
    notMeasured: Object.fromEntries(measured.failures),
    warnings: costs.warnings,
  };
}

function nameOf({ namespace, name }: Policy): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.001 ? 4 : 2)} %`;
}
