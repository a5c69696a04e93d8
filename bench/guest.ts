import { appendFileSync } from 'node:fs';
import { Bench } from './harness/bench.ts';
import { prepareWorkloads } from './harness/workload.ts';
import { Impossible, type Measurement, type Row, type RowResult } from './row.ts';
import { allRows } from './rows/all.ts';

// Measures, inside a virtual machine, the rows that belong to its kind, and appends one JSON line for each to a file.
// Usage: guest.ts counting|ordinary RESULT_FILE [REGULAR_EXPRESSION]

const [machine = '', resultFile = '', only = ''] = process.argv.slice(2);
const rows = allRows.filter((row) => row.machine === machine && new RegExp(only).test(row.id));
const bench = new Bench();
await prepareWorkloads();
for (const row of rows) {
  const result = await measure(row);
  appendFileSync(resultFile, `${JSON.stringify(result)}\n`);
}
await bench.endSharedAgent();

async function measure(row: Row): Promise<RowResult> {
  process.stdout.write(`${row.id} ...\n`);
  try {
    const measured: Measurement = await row.measure(bench);
    process.stdout.write(`${row.id}: ${JSON.stringify(measured)}\n`);
    return { id: row.id, status: 'measured', ...measured };
  } catch (error) {
    const reason = reasonOf(error);
    process.stdout.write(`${row.id}: ${reason}\n`);
    return { id: row.id, status: error instanceof Impossible ? 'impossible' : 'failed', reason };
  }
}

function reasonOf(error: unknown): string {
  const { message } = error as Error;
  const said = bench.sharedStderr();
  return said === '' || message.includes(said) ? message : `${message}\nThe agent wrote:\n${said}`;
}
