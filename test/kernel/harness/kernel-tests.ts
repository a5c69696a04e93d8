import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { repositoryRoot } from '../../vm/repository-root.ts';
import { consoleTail, runInVm } from '../../vm/run-in-vm.ts';
import { scenariosFor, sharedAgentResult } from '../scenarios/all.ts';
import type { ScenarioResult } from './scenario.ts';

/** An emulated kernel on a machine that does other things too. */
const guestTimeoutSec = 1500;

/** What a run of the scenarios left: a result for each it came to, and how the run itself ended. */
interface Run {
  readonly results: ReadonlyMap<string, ScenarioResult>;
  /** Why there may be fewer results than scenarios; empty when the runner ended well. */
  readonly failure: string;
}

export interface GuestOptions {
  /** What is special about the boot, for the title. */
  readonly title?: string;
  /** More words for the kernel's command line. */
  readonly append?: string;
  /** Only the scenarios whose name matches. */
  readonly only?: RegExp;
}

/** Defines one test for each scenario, all run in one boot of a Debian kernel of the series. */
export function describeGuestKernel(kernel: string, options: GuestOptions = {}): void {
  const title = `kernel ${kernel}${options.title === undefined ? '' : `, ${options.title}`}`;
  const all = scenariosFor('guest').map(({ name }) => name);
  const names = all.filter((name) => options.only?.test(name) ?? true);
  describeKernel(title, names, () => runInGuest(kernel, options));
}

/** Defines one test for each scenario, run on this machine's own kernel. */
export function describeHostKernel(): void {
  const names = scenariosFor('host').map(({ name }) => name);
  describeKernel('kernel of this machine', names, async () => runOnHost());
}

function describeKernel(title: string, names: readonly string[], runAll: () => Promise<Run>): void {
  describe(title, () => {
    let run: Run = { results: new Map(), failure: 'the run did not start' };

    beforeAll(
      async () => {
        warmCompileCache();
        run = await runAll();
        writeReport(title, run);
      },
      guestTimeoutSec * 1000 + 120_000,
    );

    for (const name of [...names, sharedAgentResult]) {
      test(name, (context) => {
        const result = run.results.get(name);
        if (result === undefined) throw new Error(`the scenario did not run: ${run.failure || 'no result'}`);
        if (result.status === 'skipped') context.skip(result.message);
        if (result.status === 'failed') throw new Error(result.message);
      });
    }

    test('every scenario was run', () => expect(run.failure).toBe(''));
  });
}

const compileCache = path.join(repositoryRoot, 'build/compile-cache');
const runner = path.join(repositoryRoot, 'test/kernel/scenario-runner.ts');

/**
 * Fills Node's compile cache with the agent and the runner: an emulated processor needs half a minute to strip and
 * compile them. Where that does not work the guests are slow, nothing else.
 */
function warmCompileCache(): void {
  mkdirSync(compileCache, { recursive: true });
  const env = { ...process.env, NODE_COMPILE_CACHE: compileCache };
  const folder = mkdtempSync(path.join(tmpdir(), 'jatai-warm-'));
  const exportFile = path.join(folder, 'events');
  spawnSync(path.join(repositoryRoot, 'bin/jatai'), ['run', '--duration', '1ms', '--export', exportFile], { env });
  spawnSync(process.execPath, [runner, folder, path.join(folder, 'results'), 'no such scenario'], { env });
  rmSync(folder, { recursive: true, force: true });
}

async function runInGuest(kernel: string, { append = '', only }: GuestOptions): Promise<Run> {
  const outDir = mkdtempSync(path.join(tmpdir(), 'jatai-scenarios-'));
  try {
    const { status, failure, stderr, console } = await runInVm({
      kernel,
      command: ['node', runner, '/run/scenarios', '/run/jatai-out/results', only?.source ?? ''],
      append,
      outDir,
      timeoutSec: guestTimeoutSec,
      env: { NODE_COMPILE_CACHE: compileCache },
    });
    const results = readResults(path.join(outDir, 'results'));
    if (failure !== undefined) return { results, failure: `${failure}\n${stderr}\n${consoleTail(console)}` };
    return { results, failure: status === 0 ? '' : `the runner ended with status ${status}: ${stderr}` };
  } finally {
    rmSync(outDir, { recursive: true, force: true });
  }
}

function runOnHost(): Run {
  const folder = mkdtempSync(path.join(tmpdir(), 'jatai-scenarios-'));
  /* Scenarios run programs in there as other users. */
  chmodSync(folder, 0o755);
  const resultFile = path.join(folder, 'results');
  try {
    const { status, stderr } = spawnSync(process.execPath, [runner, path.join(folder, 'work'), resultFile], {
      encoding: 'utf8',
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    });
    const failure = status === 0 ? '' : `the runner ended with status ${status}: ${stderr}`;
    return { results: readResults(resultFile), failure };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Keeps what was measured: times, counts, and how long each scenario took. */
function writeReport(title: string, { results }: Run): void {
  const folder = path.join(repositoryRoot, 'build/test-reports');
  mkdirSync(folder, { recursive: true });
  const lines = [...results.values()].map(({ name, status, durationMs, message }) => {
    return `${status.padEnd(7)} ${String(durationMs).padStart(7)} ms  ${name}${message === '' ? '' : `: ${message}`}\n`;
  });
  writeFileSync(path.join(folder, `scenarios, ${title}.txt`), lines.join(''));
}

function readResults(file: string): Map<string, ScenarioResult> {
  if (!existsSync(file)) return new Map();
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const results = lines.map((line) => JSON.parse(line) as ScenarioResult);
  return new Map(results.map((result) => [result.name, result]));
}
