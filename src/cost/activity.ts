import type { HookEntry, HooksFile, PolicyEntry, ProgramEntry } from '../agent/hooks-file.ts';
import type { ProgramStats } from '../kernel/program-stats.ts';

/** What a program did in an interval. */
export interface ProgramActivity {
  readonly name: string;
  readonly section: string;
  readonly callsPerSecond: number;
  /** Mean of one call inside the program and those it jumps into; 0 without calls. */
  readonly nsPerCall: number;
  /** Of one CPU, 1 is all of it. */
  readonly share: number;
  /** Calls that the kernel let pass without running the program. */
  readonly missed: number;
}

export interface HookActivity extends ProgramActivity {
  readonly policies: readonly PolicyShare[];
}

/** A policy's part of something, as a rough estimate: the kernel measures whole programs. */
export interface PolicyShare {
  readonly name: string;
  readonly mode: string;
  /** Of one CPU. */
  readonly share: number;
}

export interface PolicyActivity extends PolicyShare {
  readonly hooks: number;
}

export interface Activity {
  /** Hooks, and their returns as programs of their own: the dearest first. */
  readonly hooks: readonly HookActivity[];
  readonly sensors: readonly ProgramActivity[];
  readonly policies: readonly PolicyActivity[];
  /** Of one CPU, all programs together. */
  readonly share: number;
}

/** Statistics of programs by id. */
export type StatsById = ReadonlyMap<number, ProgramStats>;

/** Two readings of the same programs. */
export interface Readings {
  readonly before: StatsById;
  readonly after: StatsById;
  /** Between the two. */
  readonly seconds: number;
  /** What the kernel counts for a run of a program that does nothing: taken off each run. */
  readonly measuringNs: number;
}

/**
 * What the programs of an agent did between two readings. A program that the first reading lacks has been loaded since.
 * Pure.
 */
export function activityOf(hooks: HooksFile, readings: Readings): Activity {
  const activity = (program: ProgramEntry) => programActivity(program, readings);
  const ofHooks = hooks.hooks.flatMap((hook) => {
    const whole = activity(hook);
    const entry = { ...whole, policies: divide(hook.policies, whole.share) };
    if (hook.returns === undefined) return [entry];
    const returns = activity(hook.returns);
    const waiting = hook.policies.filter(({ seesReturn }) => seesReturn);
    return [entry, { ...returns, name: `${hook.name} (return)`, policies: divide(waiting, returns.share) }];
  });
  const sensors = hooks.sensors.map(activity);
  const total = [...ofHooks, ...sensors].reduce((sum, { share }) => sum + share, 0);
  return {
    hooks: ofHooks.toSorted((left, right) => right.share - left.share),
    sensors,
    policies: joinPolicies(hooks.hooks, ofHooks),
    share: total,
  };
}

function programActivity(
  { name, section, programId }: ProgramEntry,
  { before, after, seconds, measuringNs }: Readings,
): ProgramActivity {
  const last = after.get(programId);
  const first = before.get(programId);
  /* A program that has gone in between has done nothing that is known. */
  const grown = (field: 'runCount' | 'runTimeNs' | 'missedRuns') =>
    last === undefined ? 0 : last[field] - (first?.[field] ?? 0);
  const calls = grown('runCount');
  const timeNs = Math.max(0, grown('runTimeNs') - calls * measuringNs);
  return {
    name,
    section,
    callsPerSecond: calls / seconds,
    nsPerCall: calls === 0 ? 0 : timeNs / calls,
    share: timeNs / 1e9 / seconds,
    missed: grown('missedRuns'),
  };
}

function divide(policies: readonly PolicyEntry[], share: number): PolicyShare[] {
  const total = policies.reduce((sum, { weight }) => sum + weight, 0);
  return policies.map((policy) => ({
    name: nameOf(policy),
    mode: policy.mode,
    share: total === 0 ? 0 : (share * policy.weight) / total,
  }));
}

function joinPolicies(entries: readonly HookEntry[], activities: readonly HookActivity[]): PolicyActivity[] {
  const joined = new Map<string, { mode: string; share: number; hooks: number }>();
  for (const { policies } of entries) {
    for (const policy of policies) {
      const known = joined.get(nameOf(policy)) ?? { mode: policy.mode, share: 0, hooks: 0 };
      joined.set(nameOf(policy), { ...known, hooks: known.hooks + 1 });
    }
  }
  for (const { policies } of activities) for (const { name, share } of policies) joined.get(name)!.share += share;
  return [...joined].map(([name, policy]) => ({ name, ...policy })).toSorted((left, right) => right.share - left.share);
}

function nameOf({ namespace, name }: PolicyEntry): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
