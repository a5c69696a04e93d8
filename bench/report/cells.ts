import { floors } from '../floors.ts';
import type { Row, RowResult, Unit } from '../row.ts';

/** A row as the table shows it. */
export interface Cells {
  readonly title: string;
  readonly without: string;
  readonly tetragon: string;
  readonly peer: string;
  readonly target: string;
  readonly value: string;
  readonly met: string;
}

export const columnTitles: Cells = {
  title: 'scenario',
  without: 'without agent',
  tetragon: 'Tetragon',
  peer: 'peer',
  target: 'target',
  value: 'jatai',
  met: 'met?',
};

/** The reason stands below the table. */
const notMeasured = { failed: 'failed', impossible: 'cannot' } as const;

/** The texts of one row; `results` are those of all rows. A peer's row shows what jatai takes for the same. */
export function cellsOf(row: Row, result: RowResult, results: ReadonlyMap<string, RowResult>): Cells {
  const isPeer = row.subject !== undefined;
  const ours = isPeer ? results.get(row.counterpart ?? '') : result;
  const added = row.unit === 'instructions' && result.status === 'measured' && result.without !== undefined;
  const show = (value: number) => `${added && value >= 0 ? '+' : ''}${formatValue(row.unit, value)}`;
  const showResult = (found: RowResult) =>
    found.status === 'measured' ? show(found.value) : notMeasured[found.status];
  return {
    title: row.title,
    without: added ? formatValue('instructions', result.without!) : '',
    tetragon: row.tetragon === undefined ? '' : (row.tetragon.text ?? show(row.tetragon.value)),
    target: row.target === undefined ? '' : `<= ${show(row.target)}`,
    peer: isPeer ? showResult(result) : '',
    value: ours === undefined ? '' : showResult(ours),
    met: met(row, result),
  };
}

function met(row: Row, result: RowResult): string {
  if (row.target === undefined) return '';
  if (result.status !== 'measured') return 'no';
  if (result.value <= row.target) return 'yes';
  return floors[row.id] === undefined ? 'no' : 'no, floor:';
}

/** A number with its unit, in as many digits as it deserves. */
export function formatValue(unit: Unit, value: number): string {
  switch (unit) {
    case 'instructions':
      return whole(value);
    case 'events lost':
      return `${whole(value)} lost`;
    case 'seconds':
      return `${value.toFixed(2)} s`;
    case 'microseconds':
      return `${whole(value)} us`;
    case 'megabytes':
      return `${value.toFixed(0)} MB`;
    case 'kilobytes':
      return `${value.toFixed(2)} KB`;
    default:
      throw new Error(`no format for ${unit satisfies never}`);
  }
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
