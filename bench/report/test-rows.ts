import type { Row, RowResult } from '../row.ts';

/** A row for tests of reports: it cannot be measured. */
export function row(id: string, options: Partial<Row> = {}): Row {
  const measure = async () => ({ value: 0 });
  return {
    id,
    family: 'calls',
    title: `title of ${id}`,
    unit: 'instructions',
    machine: 'counting',
    measure,
    ...options,
  };
}

export function measured(id: string, value: number, without?: number): RowResult {
  return { id, status: 'measured', value, ...(without === undefined ? {} : { without }) };
}
