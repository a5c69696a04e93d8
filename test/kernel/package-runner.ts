import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { reportTo } from './harness/run-scenarios.ts';
import { readMachineState } from './package/machine-state.ts';
import { type PackageContext, type PackageStep, packageSteps } from './package/steps.ts';

// Installs, upgrades and purges the Debian package on the machine it is started on, which must be a virtual one with
// systemd, and writes one JSON line for each step. Usage: package-runner.ts PACKAGE NEXT_VERSION RESULT_FILE

const [first = '', second = '', resultFile = ''] = process.argv.slice(2);
const write = reportTo(resultFile);

if (!existsSync('/run/jatai-vm'))
  throw new Error('this installs and purges a package: only in a virtual machine of make vm');
/* What a package installed on the machine, or a run of it, has left there is seen here too. */
for (const folder of ['/etc/jatai', '/var/cache/jatai', '/var/lib/jatai', '/var/log/jatai']) {
  rmSync(folder, { recursive: true, force: true });
}

/* An emulated machine takes longer for everything. */
const dropIns = '/run/systemd/system/jatai.service.d';
mkdirSync(dropIns, { recursive: true });
writeFileSync(`${dropIns}/slow.conf`, '[Service]\nTimeoutStartSec=600\nWatchdogSec=300\n');

const context: PackageContext = { packages: [first, second], before: await readMachineState(), measured: [] };
const [install, ...others] = packageSteps;
const installed = await runStep(install!);
for (const step of others) {
  if (installed) await runStep(step);
  else report(step, 'failed', 'not run: the package is not installed', 0);
}

/** Returns whether it passed. */
async function runStep(step: PackageStep): Promise<boolean> {
  const startMs = performance.now();
  context.measured.length = 0;
  const failure = await step.run(context).then(
    () => undefined,
    (error: Error) => error.stack ?? error.message,
  );
  report(
    step,
    failure === undefined ? 'passed' : 'failed',
    failure ?? context.measured.join('; '),
    performance.now() - startMs,
  );
  return failure === undefined;
}

function report({ name }: PackageStep, status: 'passed' | 'failed', message: string, duration: number): void {
  const durationMs = Math.round(duration);
  write({ name, status, message, durationMs });
  process.stdout.write(`${status} (${durationMs} ms) ${name}${message === '' ? '' : `\n  ${message}`}\n`);
}
