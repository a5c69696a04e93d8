import type { Memory } from './memory.ts';

export interface Sample extends Memory {
  /** Since the start. */
  readonly second: number;
}

export interface Observed {
  readonly samples: readonly Sample[];
  readonly updates: number;
  readonly expected: Counts;
  readonly reported: Counts;
  /** What the agent wrote to standard error, its log in between. */
  readonly log: string;
}

interface Counts {
  readonly opens: number;
  readonly programs: number;
}

export interface Judgement {
  readonly passed: boolean;
  readonly lines: readonly string[];
  readonly losses: Readonly<Record<string, number>>;
}

/** Memory may end this much above where it was after the first third: caches fill, collectors wait. */
const growthAllowed = 1.1;

/** No growth, and every event that is missing is one that was counted. */
export function judge(observed: Observed): Judgement {
  const losses = countedLosses(observed.log);
  const lost = Object.values(losses).reduce((sum, count) => sum + count, 0);
  const lines: string[] = [`${observed.updates} updates of policies; counted as lost: ${JSON.stringify(losses)}`];
  let passed = true;
  const demand = (holds: boolean, line: string) => {
    passed &&= holds;
    lines.push(`${holds ? 'ok' : 'NOT OK'}: ${line}`);
  };
  for (const kind of ['opens', 'programs'] as const) {
    const expected = observed.expected[kind];
    const reported = observed.reported[kind];
    const missing = expected - reported;
    demand(missing >= 0 && missing <= lost, `${kind}: ${expected} happened, ${reported} reported, ${missing} missing`);
  }
  for (const kind of ['residentKb', 'kernelKb', 'descriptors'] as const) {
    const [early, late] = earlyAndLate(observed.samples.map((sample) => sample[kind]));
    demand(
      late <= early * growthAllowed,
      `${kind}: ${Math.round(early)} after a third, ${Math.round(late)} at the end`,
    );
  }
  return { passed, lines, losses };
}

/** Sums of `{"lost": {...}}` over all lines of the log. */
function countedLosses(log: string): Record<string, number> {
  const losses: Record<string, number> = {};
  for (const line of log.split('\n')) {
    if (!line.startsWith('{') || !line.includes('"lost"')) continue;
    const { lost } = JSON.parse(line) as { lost: Record<string, number> };
    for (const [name, count] of Object.entries(lost)) losses[name] = (losses[name] ?? 0) + count;
  }
  return losses;
}

/** Medians of the middle third and of the last sixth. */
function earlyAndLate(values: readonly number[]): [number, number] {
  const third = Math.floor(values.length / 3);
  return [median(values.slice(third, 2 * third)), median(values.slice(-Math.max(1, Math.floor(third / 2))))];
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
}
