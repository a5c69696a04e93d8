import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  CAP_BPF,
  CAP_DAC_READ_SEARCH,
  CAP_PERFMON,
  CAP_SYS_ADMIN,
  CAP_SYS_PTRACE,
  capabilitySet,
} from '../../../src/kernel/capabilities.ts';
import { runCommand } from '../../vm/run-command.ts';
import { Attackers } from '../attack/attackers.ts';
import { type GuardedFiles, guardPolicy, makeGuardedFiles } from '../attack/guarded-files.ts';
import { type RunningProgram, startProgram } from '../harness/run-program.ts';
import { listBpfObjects, type MachineState, readMachineState, stateChanges } from './machine-state.ts';
import {
  awaitEvent,
  awaitMark,
  awaitValue,
  enabledPolicies,
  eventFile,
  jatai,
  leaveMark,
  readEvents,
  threadStatus,
  unitProperty,
} from './service.ts';

/** What steps leave for later ones. */
export interface PackageContext {
  /** The package, and its next version. */
  readonly packages: readonly [string, string];
  readonly before: MachineState;
  /** What was measured, for the report. */
  readonly measured: string[];
  guarded?: GuardedFiles;
  /** A process that lives on while the package is upgraded, and its exec_id. */
  sleeper?: { readonly program: RunningProgram; readonly execId: string };
  installedFiles?: readonly string[];
}

export interface PackageStep {
  /** As a sentence: what is shown. */
  readonly name: string;
  run(context: PackageContext): Promise<void>;
}

const policyFolder = '/etc/jatai/policies.d';
const paranoidFile = '/proc/sys/kernel/perf_event_paranoid';
const editedPolicy = `${policyFolder}/ptrace.yaml`;
const editedLine = '# of the administrator';
/** Besides CAP_SYS_ADMIN, which depends on kernel and libbpf. */
const constantCapabilities = [CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH];

/** In this order: each builds on those before. */
export const packageSteps: readonly PackageStep[] = [
  { name: 'installing it starts the service with the default policies', run: install },
  { name: 'events are in the log file, which only root reads', run: reportEvents },
  { name: 'the agent has only the capabilities that it needs, in every thread', run: showPrivileges },
  { name: 'systemctl reload takes a new policy, which refuses', run: addPolicy },
  {
    name: 'an upgrade lets nothing through, keeps what the administrator changed, and knows its processes',
    run: upgrade,
  },
  { name: 'a full disk delays events', run: fillDisk },
  { name: 'a deleted file of events, in a folder that cannot be written, comes back', run: deleteEventFile },
  { name: 'removing it ends the policies', run: remove },
  { name: 'purging it leaves nothing', run: purge },
];

async function install({ packages, measured }: PackageContext): Promise<void> {
  const startMs = performance.now();
  await dpkg('-i', packages[0]);
  measured.push(`dpkg -i took ${seconds(startMs)} s`);
  assert.equal(await unitProperty('ActiveState'), 'active');
  assert.equal(await unitProperty('UnitFileState'), 'enabled');
  assert.match(await unitProperty('StatusText'), /^ready: 6 policies, \d+ hooks, 0 refused$/);
  assert.match(await jatai('status'), /Health: +running/);
  assert.deepEqual(await enabledPolicies(), policiesOfFolder());
  assert.equal(policiesOfFolder().length, 6);
}

/** The default policies have the names of their files. */
function policiesOfFolder(): string[] {
  return readdirSync(policyFolder)
    .map((file) => path.basename(file, '.yaml'))
    .sort();
}

async function reportEvents(context: PackageContext): Promise<void> {
  await leaveMark('mark-installed');
  const { process_exec: exec } = await awaitMark('mark-installed');
  assert.equal(exec?.process.binary, '/bin/true');
  assert.equal(statSync(eventFile).mode & 0o777, 0o600);
  assert.equal(statSync(path.dirname(eventFile)).mode & 0o777, 0o750);
  const program = startProgram(['/bin/sleep', '98765']);
  const event = await awaitEvent(
    'an exec event of sleep',
    ({ process_exec: body }) => body?.process.arguments === '98765',
  );
  context.sleeper = { program, execId: event.process_exec!.process.exec_id };
}

async function showPrivileges({ measured }: PackageContext): Promise<void> {
  await expectCapabilities(constantCapabilities);
  const { stdout } = await runCommand('systemd-analyze', ['security', 'jatai.service', '--no-pager']);
  const exposure = Number(/exposure level for jatai\.service: ([\d.]+)/.exec(stdout)?.[1]);
  measured.push(`systemd-analyze security: ${exposure}`);
  assert.ok(exposure <= 3.5, `systemd-analyze security says ${exposure}`);
}

async function expectCapabilities(numbers: readonly number[]): Promise<void> {
  const pid = await unitProperty('MainPID');
  const expected = capabilitySet(numbers);
  for (const name of ['CapPrm', 'CapEff', 'CapBnd']) {
    for (const [tid, value] of threadStatus(pid, name)) {
      const found = BigInt(`0x${value}`);
      const isExpected = found === expected || found === (expected | capabilitySet([CAP_SYS_ADMIN]));
      assert.ok(isExpected, `${name} of thread ${tid} is ${value}`);
    }
  }
  assert.deepEqual(new Set(threadStatus(pid, 'NoNewPrivs').values()), new Set(['1']));
}

async function addPolicy(context: PackageContext): Promise<void> {
  mkdirSync('/run/guarded-parent');
  const guarded = makeGuardedFiles('/run/guarded-parent');
  context.guarded = guarded;
  assert.equal(readFileSync(guarded.file, 'utf8'), 'secret');
  writeFileSync(`${policyFolder}/guard.yaml`, guardPolicy('guard', guarded, false));
  appendFileSync(editedPolicy, `${editedLine}\n`);
  await runCommand('systemctl', ['reload', 'jatai.service']);
  await awaitValue('the refusal', () => (isRefused(guarded.file) ? true : undefined));
}

function isRefused(file: string): boolean {
  const { status, stderr } = spawnSync('/bin/cat', [file], { encoding: 'utf8' });
  return status === 1 && stderr.includes('Operation not permitted');
}

async function upgrade(context: PackageContext): Promise<void> {
  const { packages, guarded, sleeper, measured } = context;
  const pid = await unitProperty('MainPID');
  /* Debian's default, at which its kernels ask for one more capability. */
  writeFileSync(paranoidFile, '3');
  const attackers = await Attackers.start([1], guarded!.attackPaths);
  const startMs = performance.now();
  await dpkg('-i', packages[1]);
  await leaveMark('mark-upgraded');
  await awaitMark('mark-upgraded');
  const { attempts, successes, others } = await attackers.stop();
  measured.push(`the upgrade took ${seconds(startMs)} s, ${attempts} forbidden opens`);
  assert.equal(successes, 0, `${successes} of ${attempts} forbidden opens went through`);
  assert.equal(others, 0);
  assert.ok(attempts > 1000);

  assert.notEqual(await unitProperty('MainPID'), pid);
  assert.equal(await unitProperty('NRestarts'), '0');
  assert.match(await unitProperty('StatusText'), /^ready: 7 policies, \d+ hooks, 0 refused$/);
  assert.match(packages[1], new RegExp((await jatai('--version')).replace('jatai', '').trim()));
  await expectCapabilities([...constantCapabilities, CAP_SYS_ADMIN]);
  assert.ok(readFileSync(editedPolicy, 'utf8').endsWith(`${editedLine}\n`));
  assert.ok(existsSync(`${policyFolder}/guard.yaml`));
  sleeper!.program.kill('SIGKILL');
  await awaitEvent('the exit of the sleeper', ({ process_exit: exit }) => exit?.process.exec_id === sleeper!.execId);
}

const logFolder = path.dirname(eventFile);

async function fillDisk({ measured }: PackageContext): Promise<void> {
  await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=750', 'small', logFolder]);
  await runCommand('systemctl', ['reload', 'jatai.service']);
  await leaveMark('mark-before-full');
  await awaitMark('mark-before-full');
  const filler = `${logFolder}/filler`;
  spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096']);
  const marks = Array.from({ length: 30 }, (_, index) => `mark-full-${index}`);
  for (const mark of marks) await leaveMark(mark);
  const written = new Set(readEvents().map((event) => event.process_exec?.process.arguments));
  assert.ok(!written.has(marks.at(-1)), 'the disk is not full');
  assert.equal(await unitProperty('ActiveState'), 'active');
  await runCommand('rm', [filler]);
  await awaitMark(marks.at(-1)!);
  const found = readEvents().flatMap(({ process_exec: exec }) => exec?.process.arguments ?? []);
  assert.deepEqual(
    found.filter((mark) => mark.startsWith('mark-full-')),
    marks,
  );
  measured.push(`${marks.filter((mark) => !written.has(mark)).length} events waited for the disk`);
}

async function deleteEventFile(): Promise<void> {
  /* Without CAP_DAC_OVERRIDE root is held by permissions too. */
  await runCommand('chmod', ['500', logFolder]);
  await runCommand('rm', [eventFile]);
  await leaveMark('mark-deleted');
  await awaitValue('a warning', () => (logOfService().includes(eventFile) ? true : undefined));
  assert.ok(!existsSync(eventFile));
  await runCommand('chmod', ['750', logFolder]);
  await leaveMark('mark-writable');
  await awaitMark('mark-writable');
  assert.equal(await unitProperty('NRestarts'), '0');
  await runCommand('umount', ['--lazy', logFolder]);
  await runCommand('systemctl', ['reload', 'jatai.service']);
}

function logOfService(): string {
  return spawnSync('journalctl', ['-u', 'jatai', '-o', 'cat', '--no-pager'], { encoding: 'utf8' }).stdout;
}

async function remove(context: PackageContext): Promise<void> {
  const { guarded } = context;
  assert.ok(isRefused(guarded!.file));
  context.installedFiles = (await runCommand('dpkg', ['-L', 'jatai'])).stdout.split('\n').filter(Boolean);
  await dpkg('-r', 'jatai');
  assert.equal(readFileSync(guarded!.file, 'utf8'), 'secret');
  assert.ok(!existsSync('/sys/fs/bpf/jatai'));
  assert.equal(await unitProperty('ActiveState'), 'inactive');
  assert.ok(existsSync(editedPolicy));
  assert.ok(existsSync(eventFile));
}

async function purge({ before, installedFiles }: PackageContext): Promise<void> {
  await dpkg('-P', 'jatai');
  await runCommand('rm', ['-r', '/run/guarded-parent']);
  const old = new Set(before.files);
  /* Folders of the package may be those of others too: /usr/lib. */
  const left = installedFiles!.filter((file) => existsSync(file) && !statSync(file).isDirectory() && !old.has(file));
  assert.deepEqual(left, []);
  assert.ok(!existsSync('/usr/lib/jatai'));
  /* The kernel frees a program some time after it was detached. */
  const gone = before.bpfObjects.length;
  for (let tries = 0; tries < 50 && (await listBpfObjects()).length > gone; tries++)
    await new Promise((resolve) => setTimeout(resolve, 200));
  assert.deepEqual(stateChanges(before, await readMachineState()), []);
  assert.equal(await unitProperty('LoadState'), 'not-found');
}

async function dpkg(...args: string[]): Promise<void> {
  const { status, stdout, stderr } = await runCommand('dpkg', args, { allowFailure: true });
  assert.equal(status, 0, `dpkg ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}${logOfService()}`);
}

function seconds(startMs: number): string {
  return ((performance.now() - startMs) / 1000).toFixed(1);
}
