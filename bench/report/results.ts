import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../../test/vm/repository-root.ts';
import type { RowResult } from '../row.ts';

/** What was measured on one kernel. */
export interface KernelResults {
  /** Series, such as `6.12`. */
  readonly kernel: string;
  /** What `uname -r` says there. */
  readonly release: string;
  /** How long the measurement of all rows took, on the host's clock. */
  readonly minutes: number;
  /** How much of one processor of the host that was: the minutes it takes where nothing else runs. */
  readonly cpuMinutes: number;
  readonly rows: readonly RowResult[];
}

/** The last result that was accepted; it is kept in the repository. */
export function acceptedFile(kernel: string): string {
  return path.join(repositoryRoot, 'bench/results', `${kernel}.json`);
}

/** The result of the last run. */
export function latestFile(kernel: string): string {
  return path.join(repositoryRoot, 'build/bench', `${kernel}.json`);
}

/** The results in a file, `undefined` when there is none. */
export function readResults(file: string): KernelResults | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as KernelResults) : undefined;
}

export function writeResults(file: string, results: KernelResults): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
}

/** The results with those rows replaced that were measured anew: a run of some rows does not forget the others. */
export function mergeResults(old: KernelResults | undefined, fresh: KernelResults): KernelResults {
  const replaced = new Map(fresh.rows.map((row) => [row.id, row]));
  const kept = (old?.rows ?? []).filter(({ id }) => !replaced.has(id));
  const longest = old !== undefined && kept.length >= fresh.rows.length ? old : fresh;
  const { minutes, cpuMinutes } = longest;
  return { ...fresh, minutes, cpuMinutes, rows: [...kept, ...fresh.rows] };
}
