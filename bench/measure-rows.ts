import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repositoryRoot } from '../test/vm/repository-root.ts';
import { consoleTail, runInVm } from '../test/vm/run-in-vm.ts';
import type { MachineKind, Row, RowResult } from './row.ts';
import { RowWatch } from './row-watch.ts';

/** A row may take this long on the host's clock. */
const rowTimeoutMs = 1_200_000;
/** Boots after which the rest of the rows is given up. */
const maxBoots = 4;
const guestMegabytes = 4096;
const compileCache = path.join(repositoryRoot, 'build/compile-cache');

interface Boot {
  readonly results: readonly RowResult[];
  /** The row that was being measured when the guest ended. */
  readonly unfinished: string | undefined;
  readonly failure: string;
}

/**
 * Measures rows in one virtual machine of their kind. When a row takes the guest down, or longer than twenty minutes, that
 * row has failed and the next boot goes on behind it.
 *
 * `progress` is told one line at a time; `signal` ends the measurement early. Returns a result for every row.
 */
export async function measureRows(
  kernel: string,
  machine: MachineKind,
  rows: readonly Row[],
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<RowResult[]> {
  warmCompileCache();
  const results = new Map<string, RowResult>();
  let failure = '';
  for (let boots = 0; boots < maxBoots && results.size < rows.length && !signal.aborted; boots++) {
    const left = rows.filter(({ id }) => !results.has(id));
    progress(`${kernel}: booting a machine that is ${machine}, for ${left.length} rows`);
    const boot = await bootFor(kernel, machine, left, progress, signal);
    for (const result of boot.results) results.set(result.id, result);
    failure = boot.failure;
    if (boot.unfinished !== undefined)
      results.set(boot.unfinished, { id: boot.unfinished, status: 'failed', reason: failure });
    else if (boot.results.length === 0) break;
  }
  return rows.map(({ id }) => results.get(id) ?? { id, status: 'failed', reason: `not measured: ${failure}` });
}

async function bootFor(
  kernel: string,
  machine: MachineKind,
  rows: readonly Row[],
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<Boot> {
  const outDir = mkdtempSync(path.join(tmpdir(), 'jatai-bench-'));
  const watch = new RowWatch(path.join(outDir, 'results'), rowTimeoutMs, progress);
  try {
    writeFileSync(path.join(outDir, 'ids'), rows.map(({ id }) => id).join('\n'));
    const { status, failure, stderr, console } = await runInVm({
      kernel,
      command: ['node', path.join(import.meta.dirname, 'guest.ts'), '/run/jatai-out/ids', '/run/jatai-out/results'],
      outDir,
      icount: machine === 'counting',
      memoryMegabytes: guestMegabytes,
      timeoutSec: (rows.length * rowTimeoutMs) / 1000,
      signal: AbortSignal.any([watch.signal, signal]),
      env: { NODE_COMPILE_CACHE: compileCache },
    });
    const { results, unfinished } = watch.end();
    const reason =
      failure === undefined
        ? `the guest's harness ended with status ${status}:\n${stderr.trim()}`
        : watch.signal.aborted
          ? `took more than ${rowTimeoutMs / 1000} s`
          : `${failure}\n${consoleTail(console)}`;
    return { results, unfinished, failure: reason };
  } finally {
    watch.end();
    rmSync(outDir, { recursive: true, force: true });
  }
}

/** An emulated processor needs half a minute to strip and compile the agent's sources when the cache is empty. */
function warmCompileCache(): void {
  const env = { ...process.env, NODE_COMPILE_CACHE: compileCache };
  spawnSync(path.join(repositoryRoot, 'bin/jatai'), ['run', '--duration', '1ms', '-o', 'none'], { env });
}
