import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fetchKernel } from '../test/vm/kernel-image.ts';
import { measureRows } from './measure-rows.ts';
import { compareResults } from './report/compare.ts';
import { writePage } from './report/page.ts';
import {
  acceptedFile,
  type KernelResults,
  latestFile,
  mergeResults,
  readResults,
  writeResults,
} from './report/results.ts';
import { textTable } from './report/text-table.ts';
import type { Row, RowResult } from './row.ts';
import { allRows } from './rows/all.ts';

const usage = `Usage: bench.ts [--kernel SERIES] [--only REGULAR_EXPRESSION] [--accept] [--list]

Measures jatai, and what Debian ships for the same questions, in virtual machines; prints a table, compares it with the
accepted one in bench/results and writes build/bench/KERNEL.json. Exits with 1 when a row of jatai failed.

  --kernel SERIES   kernel to measure on (KERNEL; default 6.12)
  --only RE         rows whose id matches (ONLY)
  --accept          replace the accepted result, and the tables and plots of docs/benchmarks.md (ACCEPT=1)
  --page            only write the tables and plots again, from the accepted results
  --list            print the ids and end
`;

/** Of proc(5)'s /proc/PID/stat, behind the name: cutime and cstime. */
const childTimeField = 13;
const ticksPerSecond = 100;
/** As an interrupted shell has it. */
const interruptedStatus = 130;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      kernel: { type: 'string', default: process.env['KERNEL'] || '6.12' },
      only: { type: 'string', default: process.env['ONLY'] || '' },
      accept: { type: 'boolean', default: process.env['ACCEPT'] === '1' },
      page: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return print(usage);
  if (values.page) return writePage(allRows);
  const rows = allRows.filter(({ id }) => new RegExp(values.only).test(id));
  if (values.list) return print(rows.map(({ id, title }) => `${id.padEnd(34)} ${title}\n`).join(''));
  if (rows.length === 0) return print(`no row matches ${values.only}; --list shows them\n`, 2);
  return await run(values.kernel, rows, values.accept);
}

async function run(kernel: string, rows: readonly Row[], accept: boolean): Promise<number> {
  const start = performance.now();
  const progress = (line: string) => {
    const seconds = ((performance.now() - start) / 1000).toFixed(0).padStart(5);
    process.stderr.write(`bench: ${seconds} s  ${line}\n`);
  };
  const signal = interruption();
  const { release } = await fetchKernel(kernel, progress);
  const measured: RowResult[] = [];
  for (const machine of ['counting', 'ordinary'] as const) {
    const selected = rows.filter((row) => row.machine === machine);
    if (selected.length > 0) measured.push(...(await measureRows(kernel, machine, selected, progress, signal)));
  }
  if (signal.aborted) return interruptedStatus;
  const minutes = rounded((performance.now() - start) / 60_000);
  const cpuMinutes = rounded(childCpuSeconds() / 60);
  report(rows, { kernel, release, minutes, cpuMinutes, rows: measured }, accept);
  const failed = rows.some(({ id }) => measured.find((result) => result.id === id)?.status === 'failed');
  return failed ? 1 : 0;
}

/** Aborted by a signal, so that the guest ends and its folder goes. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}

/** What the programs that this process has waited for, QEMU above all, have used. */
function childCpuSeconds(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const [userTicks = 0, systemTicks = 0] = fields.slice(childTimeField, childTimeField + 2).map(Number);
  return (userTicks + systemTicks) / ticksPerSecond;
}

function rounded(minutes: number): number {
  return Math.round(minutes * 10) / 10;
}

function report(rows: readonly Row[], fresh: KernelResults, accept: boolean): void {
  const accepted = readResults(acceptedFile(fresh.kernel));
  print(
    `jatai on ${fresh.release}, ${fresh.minutes} minutes, ${fresh.cpuMinutes} of them of a processor\n\n${textTable(rows, fresh.rows)}\n`,
  );
  for (const line of compareResults(rows, accepted?.rows ?? [], fresh.rows)) print(`differs: ${line}\n`);
  writeResults(latestFile(fresh.kernel), fresh);
  if (!accept) return;
  writeResults(acceptedFile(fresh.kernel), mergeResults(accepted, fresh));
  writePage(allRows);
}

function print(text: string, status = 0): number {
  process.stdout.write(text);
  return status;
}
