import { type CostOfHook, type CostOfPolicy, callCost, type PolicyCosts } from './policy-cost.ts';

/** What was measured on a machine. */
export interface LiveMeasurement {
  readonly durationMs: number;
  /** Of one machine instruction. */
  readonly instructionNs: number;
  /** By section of the entry program: calls in a second. */
  readonly rates: ReadonlyMap<string, number>;
  /** By section: why nothing was counted there. */
  readonly failures: ReadonlyMap<string, string>;
}

export interface LiveHook {
  readonly hook: CostOfHook;
  readonly callsPerSecond: number;
  readonly nsPerCall: number;
  /** Of one CPU, 1 is all of it. */
  readonly share: number;
}

export interface LivePolicy {
  readonly cost: CostOfPolicy['policy'];
  /** What the policy would take of one CPU with no other policy loaded. */
  readonly alone: number;
  /** What it adds to the others. */
  readonly adds: number;
}

export interface LiveCosts {
  /** The dearest first. */
  readonly hooks: readonly LiveHook[];
  readonly policies: readonly LivePolicy[];
  readonly warnings: readonly string[];
}

/** A hook that takes more than this of one CPU is worth a second thought. */
const hotShare = 0.01;
/** So many calls a second make every instruction of a policy felt. */
const hotRate = 100_000;

/**
 * The cost of policies at the measured rates of calls, if none of them matched: CPU is calls x instructions x time of one
 * instruction. Pure.
 */
export function liveCosts({ hooks, policies }: PolicyCosts, measured: LiveMeasurement): LiveCosts {
  const rateOf = (hook: CostOfHook) => measured.rates.get(hook.hook.entry.section);
  const share = (hook: CostOfHook, instructions: number) =>
    ((rateOf(hook) ?? 0) * instructions * measured.instructionNs) / 1e9;
  const liveHooks = hooks.flatMap((hook): LiveHook[] => {
    const callsPerSecond = rateOf(hook);
    if (callsPerSecond === undefined) return [];
    const instructions = callCost(hook.cost);
    const nsPerCall = instructions * measured.instructionNs;
    return [{ hook, callsPerSecond, nsPerCall, share: share(hook, instructions) }];
  });
  const byPolicy = Map.groupBy(
    policies.filter(({ hook }) => rateOf(hook) !== undefined),
    ({ policy }) => policy,
  );
  const livePolicies = [...byPolicy].map(([cost, places]) => ({
    cost,
    alone: places.reduce((sum, { hook, alone }) => sum + share(hook, callCost(alone)), 0),
    adds: places.reduce((sum, { hook, adds }) => sum + share(hook, adds), 0),
  }));
  return {
    hooks: liveHooks.toSorted((left, right) => right.share - left.share),
    policies: livePolicies.toSorted((left, right) => right.alone - left.alone),
    warnings: liveHooks.flatMap(warn),
  };
}

function warn({ hook, callsPerSecond, share }: LiveHook): string[] {
  const calls = `${Math.round(callsPerSecond)} calls a second`;
  const remedy =
    'filter on what is cheap (a number, the binary, the last component of a path), or hook a rarer function';
  if (share >= hotShare) {
    return [
      `${hook.name} is hot: ${calls} take ${(share * 100).toFixed(1)} % of a CPU although nothing matches; ${remedy}`,
    ];
  }
  return callsPerSecond >= hotRate ? [`${hook.name} is hot: ${calls}; ${remedy}`] : [];
}
