import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestReport } from './test-reporter.ts';

// Runs the static checks, the unit tests and the kernel tests, each even when an earlier one failed, and ends with
// the line "N passed, N failed[, N skipped]", which is also written to build/test-reports/summary.

const root = path.resolve(import.meta.dirname, '..');
const reports = path.join(root, 'build/test-reports');
const projects = ['unit', 'kernel'] as const;

process.exitCode = main();

function main(): number {
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  const results = [
    runStep('types', 'tsc', ['--noEmit']),
    runStep('lint', 'scripts/biome.sh', ['check', '--error-on-warnings']),
  ];
  for (const project of projects) results.push(runProject(project));
  const total = sum(results);
  for (const { test, reason } of total.skipped) console.log(`skipped: ${test}: ${reason}`);
  for (const failure of total.failed) console.log(`failed: ${failure}`);
  if (total.passed === 0) console.log('no test passed: nothing ran');
  const line = summaryLine(total);
  writeFileSync(path.join(reports, 'summary'), `${line}\n`);
  console.log(line);
  return total.failed.length === 0 && total.passed > 0 ? 0 : 1;
}

/** A static check adds nothing when it passes and one failure when it does not. */
function runStep(name: string, program: string, args: readonly string[]): TestReport {
  console.log(`== ${name}`);
  const status = run(program, args);
  return { passed: 0, failed: status === 0 ? [] : [`${name}: ${program} ended with status ${status}`], skipped: [] };
}

function runProject(project: string): TestReport {
  console.log(`== ${project} tests`);
  const file = path.join(reports, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=./scripts/test-reporter.ts'];
  const status = run('vitest', ['run', '--project', project, '--passWithNoTests', ...reporters], {
    TEST_REPORT_FILE: file,
  });
  const report = readReport(file);
  if (report === undefined) return { passed: 0, failed: [`${project} tests: no report was written`], skipped: [] };
  if (status !== 0 && report.failed.length === 0) {
    report.failed.push(`${project} tests: vitest ended with status ${status}`);
  }
  return report;
}

/** A program of an npm package by its name, or one of ours by its path in the repository. */
function run(program: string, args: readonly string[], extra: Readonly<Record<string, string>> = {}): number {
  const bin = path.join(root, 'node_modules/.bin');
  const file = program.includes('/') ? path.join(root, program) : path.join(bin, program);
  const { status, error } = spawnSync(file, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...extra, PATH: `${bin}:${process.env['PATH']}` },
  });
  if (error !== undefined) console.error(`cannot run ${program}: ${error.message}`);
  return status ?? 128;
}

function readReport(file: string): TestReport | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as TestReport;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function sum(results: readonly TestReport[]): TestReport {
  return {
    passed: results.reduce((total, { passed }) => total + passed, 0),
    failed: results.flatMap(({ failed }) => failed),
    skipped: results.flatMap(({ skipped }) => skipped),
  };
}

function summaryLine({ passed, failed, skipped }: TestReport): string {
  const base = `${passed} passed, ${failed.length} failed`;
  return skipped.length > 0 ? `${base}, ${skipped.length} skipped` : base;
}
