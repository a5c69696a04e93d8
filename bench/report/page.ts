import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../../test/vm/repository-root.ts';
import { floors } from '../floors.ts';
import type { Row, RowResult } from '../row.ts';
import { type Cells, cellsOf, columnTitles } from './cells.ts';
import { eventKindPlot } from './event-kind-plot.ts';
import { policyPlot } from './policy-plot.ts';
import { acceptedFile, type KernelResults, readResults } from './results.ts';

const page = path.join(repositoryRoot, 'docs/benchmarks.md');
/** The kernel whose numbers are drawn. */
const plottedKernel = '6.12';
/** What the page shows, in this order. */
const kernels = ['6.12', '6.1', '5.10', '7'];

/** Writes the generated parts of docs/benchmarks.md, and its plots, from the accepted results. Returns 0. */
export function writePage(rows: readonly Row[]): number {
  const accepted = kernels.flatMap((kernel) => readResults(acceptedFile(kernel)) ?? []);
  const text = replaceSection(
    readFileSync(page, 'utf8'),
    'tables',
    accepted.map((found) => tableOf(rows, found)).join('\n'),
  );
  writeFileSync(page, replaceSection(text, 'floors', floorsOf(rows, accepted)));
  const plotted = accepted.find(({ kernel }) => kernel === plottedKernel);
  if (plotted === undefined) return 0;
  const docs = path.dirname(page);
  writeFileSync(path.join(docs, 'benchmarks-policies.svg'), policyPlot(plotted.rows, plottedKernel));
  writeFileSync(path.join(docs, 'benchmarks-events.svg'), eventKindPlot(rows, plotted.rows, plottedKernel));
  return 0;
}

/** Replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->`. */
export function replaceSection(text: string, name: string, contents: string): string {
  const [open, close] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
  const [start, end] = [text.indexOf(open), text.indexOf(close)];
  if (start < 0 || end < start) throw new Error(`${page} has no section between ${open.trim()} and ${close}`);
  return `${text.slice(0, start)}${open}${contents}${text.slice(end)}`;
}

function tableOf(rows: readonly Row[], { kernel, release, cpuMinutes, rows: results }: KernelResults): string {
  const lines = [`### Debian ${kernel}`, '', `\`${release}\`, measured in ${cpuMinutes} minutes of one processor.`, ''];
  lines.push(tableLine(columnTitles), '|---|---:|---:|---:|---:|---:|---|');
  const byId = new Map(results.map((result) => [result.id, result]));
  let family = '';
  for (const row of rows) {
    const result = byId.get(row.id);
    if (result === undefined) continue;
    if (row.family !== family) lines.push(`| **${row.family}** | | | | | | |`);
    family = row.family;
    lines.push(tableLine(cellsOf(row, result, byId)));
  }
  const reasons = rows.flatMap(({ id, title }) => {
    const result = byId.get(id);
    return result?.status === 'impossible' ? [`- ${title}: ${result.reason.split('\n')[0]}`] : [];
  });
  return `${[...lines, ...(reasons.length > 0 ? ['', 'Cannot be measured there:', '', ...reasons] : [])].join('\n')}\n`;
}

function tableLine({ title, without, tetragon, peer, target, value, met }: Cells): string {
  return `| ${[title, without, tetragon, peer, target, value, met].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function floorsOf(rows: readonly Row[], accepted: readonly KernelResults[]): string {
  const missed = rows.flatMap((row) => {
    const missedOn = accepted.filter(({ rows: results }) =>
      isMissed(
        row,
        results.find(({ id }) => id === row.id),
      ),
    );
    if (missedOn.length === 0) return [];
    const on = missedOn.map(({ kernel }) => kernel).join(', ');
    return [`- **${row.title}** (${on}): ${floors[row.id] ?? 'not explained yet.'}\n`];
  });
  return missed.length === 0 ? 'None.\n' : missed.join('');
}

function isMissed(row: Row, result: RowResult | undefined): boolean {
  if (row.target === undefined || result === undefined) return false;
  return result.status !== 'measured' || result.value > row.target;
}
