import { describe, expect, test } from 'vitest';
import { liveCosts } from './live-cost.ts';
import { callCost } from './policy-cost.ts';
import { costsOf, examplesOf, fileOpens } from './test-costs.ts';

const connects = 'kprobes:\n- call: tcp_connect\n  syscall: false';
const costs = costsOf(examplesOf(fileOpens('Prefix', '/srv/'), fileOpens('Equal', '/etc/shadow'), connects));

const measured = (opens: number) => ({
  durationMs: 1000,
  instructionNs: 0.25,
  rates: new Map([['fentry/security_file_open', opens]]),
  failures: new Map([['fentry/tcp_connect', 'cannot be attached']]),
});

describe('liveCosts', () => {
  test('is calls x instructions x time of one', () => {
    const { hooks } = liveCosts(costs, measured(1000));
    const instructions = callCost(costs.hooks[0]!.cost);
    expect(hooks).toHaveLength(1);
    expect(hooks[0]!.nsPerCall).toBe(instructions / 4);
    expect(hooks[0]!.share).toBeCloseTo((1000 * instructions) / 4 / 1e9, 12);
  });

  test('names policies by what they take alone, the dearest first, without hooks that were not measured', () => {
    const { policies } = liveCosts(costs, measured(1000));
    expect(policies.map(({ cost }) => cost.name)).toEqual(['policy-0', 'policy-1']);
    expect(policies[0]!.adds).toBeGreaterThan(policies[1]!.adds);
  });

  test('warns of hooks that are too hot', () => {
    expect(liveCosts(costs, measured(1000)).warnings).toEqual([]);
    expect(liveCosts(costs, measured(60_000)).warnings[0]).toMatch(
      /^security_file_open is hot: 60000 calls a second take \d\.\d % of a CPU although nothing matches; filter on/,
    );
    const cheap = costsOf(examplesOf(fileOpens('Equal', '/etc/shadow')));
    const rates = { ...measured(150_000), instructionNs: 0.01 };
    expect(liveCosts(cheap, rates).warnings[0]).toMatch(/^security_file_open is hot: 150000 calls a second; filter on/);
  });
});
