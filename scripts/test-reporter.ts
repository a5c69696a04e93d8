import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Outcome of a test run: how many passed, and the names of those that did not. */
export interface TestReport {
  passed: number;
  failed: string[];
  skipped: { test: string; reason: string }[];
}

/** Vitest reporter that writes a TestReport to the file named by TEST_REPORT_FILE when the run ends. */
export default class TestReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const file = process.env['TEST_REPORT_FILE'];
    if (file === undefined) throw new Error('TEST_REPORT_FILE must name the file to write');
    const report: TestReport = { passed: 0, failed: [], skipped: [] };
    for (const module of modules) addModule(report, module);
    if (unhandledErrors.length > 0) report.failed.push(`${unhandledErrors.length} errors outside of tests`);
    writeFileSync(file, JSON.stringify(report, undefined, 2));
  }
}

function addModule(report: TestReport, module: TestModule): void {
  // Errors of a file itself (syntax, import, hooks) belong to no test.
  if (module.errors().length > 0) report.failed.push(module.relativeModuleId);
  for (const suite of module.children.allSuites()) {
    if (suite.errors().length > 0) report.failed.push(`${module.relativeModuleId} > ${suite.fullName}`);
  }
  for (const test of module.children.allTests()) addTest(report, module, test);
}

function addTest(report: TestReport, module: TestModule, test: TestCase): void {
  const name = `${module.relativeModuleId} > ${test.fullName}`;
  const result = test.result();
  switch (result.state) {
    case 'passed':
      report.passed++;
      break;
    case 'failed':
    case 'pending':
      report.failed.push(name);
      break;
    case 'skipped':
      report.skipped.push({ test: name, reason: result.note ?? 'no reason given' });
      break;
    default:
      result satisfies never;
  }
}
