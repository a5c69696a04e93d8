import { describe, expect, test } from 'vitest';
import type { PolicyEntry } from '../agent/hooks-file.ts';
import type { ObservedProgram } from '../agent/observation.ts';
import { ProgramOverhead } from './program-overhead.ts';

function policy(name: string, weight: number): PolicyEntry {
  return { name, mode: 'enforce', seesReturn: false, weight };
}

function program(programId: number, runCount: number, seconds: number, policies: PolicyEntry[]): ObservedProgram {
  const section = `lsm/hook${programId}`;
  return { attach: 'a', section, sensor: 'generic_lsm', programId, runCount, runTimeNs: seconds * 1e9, policies };
}

function shown(overhead: ProgramOverhead): [string, number, number][] {
  return [...overhead].map(({ labels, runs, seconds }) => [
    `${labels['section']} ${labels['policy']}`,
    runs,
    Math.round(seconds * 1000) / 1000,
  ]);
}

describe('the cost of programs', () => {
  test('is divided by weight, its runs are those of each policy', () => {
    const overhead = new ProgramOverhead(100);
    overhead.add([program(1, 10, 4, [policy('a', 3), policy('b', 1)]), program(2, 5, 1, [])]);
    expect(shown(overhead)).toEqual([
      ['lsm/hook1 a', 10, 3],
      ['lsm/hook1 b', 10, 1],
      ['lsm/hook2 ', 5, 1],
    ]);
  });

  test('never falls when policies come, go or weigh less', () => {
    const overhead = new ProgramOverhead(100);
    overhead.add([program(1, 10, 4, [policy('a', 1)])]);
    overhead.add([program(1, 20, 8, [policy('a', 1), policy('b', 3)])]);
    expect(shown(overhead)).toEqual([
      ['lsm/hook1 a', 20, 5],
      ['lsm/hook1 b', 10, 3],
    ]);
    overhead.add([program(1, 20, 8, [policy('b', 3)])]);
    expect(shown(overhead)).toEqual([['lsm/hook1 b', 10, 3]]);
  });

  test('counts a program that was loaded anew from its first run', () => {
    const overhead = new ProgramOverhead(100);
    overhead.add([program(1, 10, 4, [policy('a', 1)])]);
    const again = { ...program(7, 2, 1, [policy('a', 1)]), section: 'lsm/hook1' };
    overhead.add([again]);
    overhead.add([again]);
    expect(shown(overhead)).toEqual([['lsm/hook1 a', 12, 5]]);
  });

  test('has so many series and no more', () => {
    const overhead = new ProgramOverhead(2);
    for (const runs of [4, 8]) {
      overhead.add([
        program(
          1,
          runs,
          runs,
          ['a', 'b', 'c', 'd'].map((name) => policy(name, 1)),
        ),
      ]);
    }
    expect(shown(overhead)).toEqual([
      ['lsm/hook1 a', 8, 2],
      ['lsm/hook1 b', 8, 2],
      ['lsm/hook1 (other)', 16, 4],
    ]);
  });
});
