import path from 'node:path';
import { collectFacts } from '../../src/kernel/facts.ts';
import { reportTo, runScenarios } from './harness/run-scenarios.ts';
import { isEmulated } from './harness/scenario-context.ts';
import { scenariosFor, sharedAgentResult } from './scenarios/all.ts';

// Runs the scenarios on the kernel this is started on, natively or in a guest, and writes one JSON line for each.
// Usage: scenario-runner.ts WORK_FOLDER RESULT_FILE [REGULAR_EXPRESSION]

const [folder = '', resultFile = '', only = ''] = process.argv.slice(2);
const write = reportTo(resultFile);
await runScenarios({
  scenarios: scenariosFor(isEmulated() ? 'guest' : 'host').filter(({ name }) => new RegExp(only).test(name)),
  folder: path.resolve(folder),
  sharedAgentResult,
  facts: collectFacts({ functions: [], tracepoints: [] }),
  report: (result) => {
    write(result);
    const detail = result.message === '' ? '' : `\n  ${result.message.replaceAll('\n', '\n  ')}`;
    process.stdout.write(`${result.status} (${result.durationMs} ms) ${result.name}${detail}\n`);
  },
});
