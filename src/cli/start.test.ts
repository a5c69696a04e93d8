import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packageRoot } from './package-root.ts';

// bin/jatai in a small copy of a checkout, whose sources and bundle only say which of them runs.
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'jatai-start-'));
  for (const folder of ['src/cli', 'scripts', 'node_modules/.bin']) mkdirSync(join(root, folder), { recursive: true });
  cpSync(join(packageRoot, 'bin'), join(root, 'bin'), { recursive: true });
  cpSync(join(packageRoot, 'scripts/bundle-is-current.sh'), join(root, 'scripts/bundle-is-current.sh'));
  symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'));
  for (const file of ['package-lock.json', 'scripts/bundle.ts']) writeFileSync(join(root, file), '');
  writeFileSync(join(root, 'src/cli/main.ts'), "process.stdout.write('sources' satisfies string);");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Makes a bundle of which bundling began at `time`. */
function bundle(time: Date): void {
  mkdirSync(join(root, 'build/js'), { recursive: true });
  writeFileSync(join(root, 'build/js/main.js'), "process.stdout.write('bundle');");
  utimesSync(join(root, 'build/js/main.js'), time, time);
}

function whatRuns(): string {
  const env = { ...process.env, NODE_COMPILE_CACHE: join(root, 'build/compile-cache') };
  const { stdout, stderr, status } = spawnSync(join(root, 'bin/jatai'), [], { encoding: 'utf8', env });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}

const later = () => new Date(Date.now() + 60_000);

test('bin/jatai runs the sources where there is no bundle', () => {
  expect(whatRuns()).toBe('sources');
});

test('bin/jatai runs the bundle while it is newer than the sources', () => {
  bundle(later());
  expect(whatRuns()).toBe('bundle');
});

test('bin/jatai runs the sources once one of them changed, also to a file with an old date', () => {
  const past = new Date('2020-01-01');
  writeFileSync(join(root, 'src/cli/other.ts'), '');
  utimesSync(join(root, 'src/cli/other.ts'), past, past);
  bundle(new Date(Date.now() - 60_000));
  expect(whatRuns()).toBe('sources');
});

test('bin/jatai runs the sources when it cannot tell', () => {
  bundle(later());
  rmSync(join(root, 'package-lock.json'));
  expect(whatRuns()).toBe('sources');
});

test('bin/jatai runs the bundle of a package', () => {
  bundle(new Date('2020-01-01'));
  rmSync(join(root, 'scripts'), { recursive: true });
  expect(whatRuns()).toBe('bundle');
});
