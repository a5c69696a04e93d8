import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { repositoryRoot } from '../vm/repository-root.ts';
import { consoleTail, runInVm } from '../vm/run-in-vm.ts';
import type { ScenarioResult } from './harness/scenario.ts';
import { packageSteps } from './package/steps.ts';

// The Debian package from installation to purge, in one boot with systemd as process 1.

const guestTimeoutSec = 1500;
const programs = ['/usr/bin/dpkg-deb', '/lib/systemd/systemd', '/usr/bin/journalctl'];
const missing = programs.filter((program) => !existsSync(program));

describe('the Debian package', () => {
  let results: ReadonlyMap<string, ScenarioResult> = new Map();
  let failure = '';

  beforeAll(
    async () => {
      if (missing.length > 0) return;
      const folder = mkdtempSync(path.join(tmpdir(), 'jatai-package-'));
      try {
        ({ results, failure } = await runSteps(folder));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    guestTimeoutSec * 1000 + 120_000,
  );

  for (const { name } of packageSteps) {
    test(name, (context) => {
      if (missing.length > 0) context.skip(`this machine has no ${missing.join(', ')}`);
      const result = results.get(name);
      if (result === undefined) throw new Error(`the step did not run: ${failure}`);
      if (result.status === 'failed') throw new Error(result.message);
      console.log(`${name}: ${result.durationMs} ms. ${result.message}`);
    });
  }

  test('every step was run', (context) => {
    if (missing.length > 0) context.skip(`this machine has no ${missing.join(', ')}`);
    expect(failure).toBe('');
  });
});

async function runSteps(folder: string): Promise<{ results: Map<string, ScenarioResult>; failure: string }> {
  const packages = ['0.0.1', '0.0.2'].map((version) => buildPackage(version, folder));
  const { status, failure, stderr, console } = await runInVm({
    kernel: '6.12',
    init: 'systemd',
    /* What the package holds is kept in memory there, twice during the upgrade. */
    memoryMegabytes: 3072,
    command: ['node', 'test/kernel/package-runner.ts', ...packages, '/run/jatai-out/results'],
    outDir: folder,
    timeoutSec: guestTimeoutSec,
  });
  const results = readResults(path.join(folder, 'results'));
  if (failure !== undefined) return { results, failure: `${failure}\n${stderr}\n${consoleTail(console)}` };
  return { results, failure: status === 0 ? '' : `the runner ended with status ${status}: ${stderr}` };
}

/** Returns the path of the package in the guest. */
function buildPackage(version: string, folder: string): string {
  const env = { ...process.env, VERSION: version, OUT: folder };
  const { status, stdout, stderr } = spawnSync('scripts/deb.sh', [], { cwd: repositoryRoot, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`scripts/deb.sh ended with status ${status}: ${stdout}${stderr}`);
  return path.join('/run/jatai-out', path.basename(/^deb: (.*\.deb), /m.exec(stderr)![1]!));
}

function readResults(file: string): Map<string, ScenarioResult> {
  if (!existsSync(file)) return new Map();
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return new Map(lines.map((line) => JSON.parse(line) as ScenarioResult).map((result) => [result.name, result]));
}
