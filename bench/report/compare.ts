import type { Row, RowResult } from '../row.ts';

/** Repeatable numbers that differ by more are named. */
const toleratedShare = 0.02;
/** The same for rows that are noisy by nature. */
const noisyShare = 0.15;
/** Counted per call and rounded: less than this is no difference. */
const toleratedInstructions = 2;

/** Differences between two measurements of the same rows, as sentences. */
export function compareResults(
  rows: readonly Row[],
  accepted: readonly RowResult[],
  fresh: readonly RowResult[],
): string[] {
  const before = new Map(accepted.map((result) => [result.id, result]));
  const after = new Map(fresh.map((result) => [result.id, result]));
  return rows.flatMap((row) => {
    const [old, now] = [before.get(row.id), after.get(row.id)];
    if (old === undefined || now === undefined) return [];
    return compareRow(row, old, now);
  });
}

function compareRow(row: Row, old: RowResult, now: RowResult): string[] {
  if (old.status !== 'measured' || now.status !== 'measured') {
    return old.status === now.status ? [] : [`${row.id}: was ${old.status}, is ${now.status}`];
  }
  const share = row.noisy ? noisyShare : toleratedShare;
  return [
    ...difference(row.id, share, old.value, now.value),
    ...difference(`${row.id}, without an agent`, toleratedShare, old.without, now.without),
  ];
}

function difference(what: string, tolerated: number, old: number | undefined, now: number | undefined): string[] {
  if (old === undefined || now === undefined) return [];
  const change = now - old;
  if (Math.abs(change) <= Math.max(toleratedInstructions, Math.abs(old) * tolerated)) return [];
  const share = old === 0 ? '' : ` (${change > 0 ? '+' : ''}${((100 * change) / old).toFixed(1)} %)`;
  return [`${what}: was ${rounded(old)}, is ${rounded(now)}${share}`];
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(5)));
}
