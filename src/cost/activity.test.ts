import { describe, expect, test } from 'vitest';
import type { HooksFile } from '../agent/hooks-file.ts';
import type { ProgramStats } from '../kernel/program-stats.ts';
import { activityOf } from './activity.ts';

const policy = (name: string, weight: number, seesReturn = false) => ({ name, mode: 'enforce', seesReturn, weight });

const hooks: HooksFile = {
  schema: 1,
  pid: 1,
  startTicks: 1,
  switches: 1,
  hooks: [
    { name: 'rare', section: 'lsm/rare', programId: 1, policies: [policy('a', 5)] },
    {
      name: 'busy',
      section: 'fentry/busy',
      programId: 2,
      returns: { name: 'return', section: 'fexit/busy', programId: 3 },
      policies: [policy('a', 30), { ...policy('b', 10, true), namespace: 'team' }],
    },
  ],
  sensors: [{ name: 'process_exec', section: 'raw_tp/sched_process_exec', programId: 4 }],
};

const stats = (id: number, runCount: number, runTimeNs: number, missedRuns = 0): [number, ProgramStats] => [
  id,
  { id, name: '', runCount, runTimeNs, missedRuns },
];

describe('activityOf', () => {
  const before = new Map([stats(1, 5, 1000), stats(2, 100, 50_000), stats(4, 1, 100)]);
  const after = new Map([stats(1, 5, 1000), stats(2, 1100, 450_000, 7), stats(3, 1000, 100_000), stats(4, 3, 4100)]);
  const activity = activityOf(hooks, { before, after, seconds: 2, measuringNs: 0 });

  test('gives rates, means and shares of the interval, the dearest first', () => {
    expect(activity.hooks.map(({ name }) => name)).toEqual(['busy', 'busy (return)', 'rare']);
    expect(activity.hooks[0]).toMatchObject({ callsPerSecond: 500, nsPerCall: 400, share: 0.0002, missed: 7 });
    expect(activity.sensors[0]).toMatchObject({ callsPerSecond: 1, nsPerCall: 2000 });
  });

  test('counts a program that is new from its first run, and one without calls as nothing', () => {
    expect(activity.hooks[1]).toMatchObject({ callsPerSecond: 500, nsPerCall: 100 });
    expect(activity.hooks[2]).toMatchObject({ callsPerSecond: 0, nsPerCall: 0, share: 0 });
  });

  test('divides a hook among its policies by weight, its return among those that report it', () => {
    const [a, b] = activity.policies;
    expect(a).toMatchObject({ name: 'a', hooks: 2 });
    expect(a!.share).toBeCloseTo(0.00015, 9);
    expect(b).toMatchObject({ name: 'team/b', hooks: 1 });
    expect(b!.share).toBeCloseTo(0.0001, 9);
  });

  test('takes off what measuring takes', () => {
    const { hooks: corrected } = activityOf(hooks, { before, after, seconds: 2, measuringNs: 150 });
    expect(corrected.map(({ nsPerCall }) => nsPerCall)).toEqual([250, 0, 0]);
    expect(corrected[0]!.share).toBeCloseTo(0.000125, 12);
  });

  test('a program that has gone has done nothing', () => {
    const gone = new Map([...after].filter(([id]) => id !== 2));
    const { hooks: rest } = activityOf(hooks, { before, after: gone, seconds: 2, measuringNs: 0 });
    expect(rest.find(({ name }) => name === 'busy')).toMatchObject({ callsPerSecond: 0, share: 0, missed: 0 });
  });

  test('adds everything up', () => {
    expect(activity.share).toBeCloseTo(504_000 / 2e9, 12);
  });
});
