import { floors } from '../floors.ts';
import type { Row, RowResult } from '../row.ts';
import { type Cells, cellsOf, columnTitles } from './cells.ts';

const columns = ['title', 'without', 'tetragon', 'peer', 'target', 'value', 'met'] as const satisfies (keyof Cells)[];
const gap = '  ';

/** The table for a terminal, with what explains it below. Rows without a result are left out. */
export function textTable(rows: readonly Row[], results: readonly RowResult[]): string {
  const byId = new Map(results.map((result) => [result.id, result]));
  const shown = rows.flatMap((row) => {
    const result = byId.get(row.id);
    return result === undefined ? [] : [{ row, result, cells: cellsOf(row, result, byId) }];
  });
  const widths = columns.map((column) =>
    Math.max(...[columnTitles, ...shown.map(({ cells }) => cells)].map((cells) => cells[column].length)),
  );
  const line = (cells: Cells) =>
    columns
      .map((column, at) =>
        column === 'title' ? cells[column].padEnd(widths[at]!) : cells[column].padStart(widths[at]!),
      )
      .join(gap)
      .trimEnd();
  const lines = [line(columnTitles)];
  let family = '';
  for (const { row, cells } of shown) {
    if (row.family !== family) lines.push('', `${row.family}:`);
    family = row.family;
    lines.push(line(cells));
  }
  return [...lines, '', ...shown.flatMap(({ row, result }) => notesOf(row, result))].join('\n');
}

function notesOf(row: Row, result: RowResult): string[] {
  if (result.status !== 'measured') return [`${result.status}: ${row.id}: ${result.reason}`];
  if (row.target === undefined || result.value <= row.target) return [];
  const floor = floors[row.id];
  return floor === undefined ? [] : [`floor: ${row.id}: ${floor}`];
}
