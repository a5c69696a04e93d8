import { appendFileSync, readFileSync } from 'node:fs';
import { Bench } from './harness/bench.ts';
import { useLocalCopy } from './harness/local-copy.ts';
import { prepareWorkloads, startMetronome } from './harness/workload.ts';
import { Impossible, type Row, type RowResult } from './row.ts';
import { allRows } from './rows/all.ts';

// Measures rows inside a virtual machine, in the order of the table, and appends one JSON line for each to a file: first
// {"id", "status": "started"}, then its result. Usage: guest.ts FILE_WITH_IDS RESULT_FILE

const [idFile = '', resultFile = ''] = process.argv.slice(2);
const ids = new Set(readFileSync(idFile, 'utf8').split('\n'));
const bench = new Bench();
await prepareWorkloads();
await bench.measureCalls();
const endMetronome = startMetronome();
await useLocalCopy();
for (const row of allRows.filter(({ id }) => ids.has(id))) {
  report({ id: row.id, status: 'started' });
  report(await measure(row));
}
await bench.endSharedAgent();
endMetronome();

function report(line: RowResult | { id: string; status: 'started' }): void {
  appendFileSync(resultFile, `${JSON.stringify(line)}\n`);
}

async function measure(row: Row): Promise<RowResult> {
  try {
    return { id: row.id, status: 'measured', ...(await row.measure(bench)) };
  } catch (error) {
    return { id: row.id, status: error instanceof Impossible ? 'impossible' : 'failed', reason: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  const { message } = error as Error;
  const said = bench.sharedStderr();
  return said === '' || message.includes(said) ? message : `${message}\nThe agent wrote:\n${said}`;
}
