import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CAP_BPF,
  CAP_DAC_READ_SEARCH,
  CAP_PERFMON,
  CAP_SYS_ADMIN,
  CAP_SYS_PTRACE,
  CAP_SYSLOG,
  capabilitySet,
} from '../../../src/kernel/capabilities.ts';
import { runCommand } from '../../vm/run-command.ts';
import { type GuardedFiles, guardPolicy, makeGuardedFiles } from '../attack/guarded-files.ts';
import { type RunningProgram, startProgram } from '../harness/run-program.ts';
import { type MachineState, readMachineState, stateChanges } from './machine-state.ts';
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
/** As docs/daemon.md says. */
const mostExposure = 3.5;
/** Besides CAP_SYS_ADMIN, which depends on kernel and libbpf. */
const constantCapabilities = [CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_SYSLOG, CAP_DAC_READ_SEARCH];

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
  assert.match(exec?.process.binary ?? '', /\/bin\/true$/);
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
  assert.ok(exposure <= mostExposure, `systemd-analyze security says ${exposure}`);
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
  const attack = startAttack(guarded!.attackPaths);
  const startMs = performance.now();
  await dpkg('-i', packages[1]);
  await leaveMark('mark-upgraded');
  await awaitMark('mark-upgraded');
  const { refused, others } = attack.stop();
  measured.push(`the upgrade took ${seconds(startMs)} s, ${refused} forbidden opens were refused`);
  assert.deepEqual(others, []);
  assert.ok(refused > 100, `${refused} attempts`);

  assert.notEqual(await unitProperty('MainPID'), pid);
  assert.equal(await unitProperty('NRestarts'), '0');
  assert.match(await unitProperty('StatusText'), /^ready: 7 policies, \d+ hooks, 0 refused$/);
  assert.ok(packages[1].includes((await jatai('--version')).replace('jatai', '').trim()));
  await expectCapabilities([...constantCapabilities, CAP_SYS_ADMIN]);
  assert.ok(readFileSync(editedPolicy, 'utf8').endsWith(`${editedLine}\n`));
  assert.ok(existsSync(`${policyFolder}/guard.yaml`));
  sleeper!.program.kill('SIGKILL');
  await awaitEvent('the exit of the sleeper', ({ process_exit: exit }) => exit?.process.exec_id === sleeper!.execId);
}

const attackPauseMs = 5;

/** Tries to open the files again and again, gently: an emulated processor is busy enough with the upgrade. */
function startAttack(paths: readonly string[]): { stop(): { refused: number; others: readonly string[] } } {
  let refused = 0;
  const others: string[] = [];
  const timer = setInterval(() => {
    for (const file of paths) {
      const result = tryToOpen(file);
      if (result === 'EPERM') refused++;
      else others.push(`${file}: ${result}`);
    }
  }, attackPauseMs);
  const stop = () => {
    clearInterval(timer);
    return { refused, others };
  };
  return { stop };
}

/** The error's name, or `opened`. */
function tryToOpen(file: string): string {
  try {
    closeSync(openSync(file, 'r'));
    return 'opened';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

const logFolder = path.dirname(eventFile);

async function fillDisk({ measured }: PackageContext): Promise<void> {
  const pid = await unitProperty('MainPID');
  /* The agent has a mount namespace of its own: only it sees the small disk. */
  const mount = ['mount', '-t', 'tmpfs', '-o', 'size=2m,mode=750', 'small', logFolder];
  await runCommand('nsenter', ['--target', pid, '--mount', ...mount]);
  await runCommand('systemctl', ['reload', 'jatai.service']);
  const file = await seenByAgent(eventFile);
  await leaveMark('mark-before-full');
  await awaitMark('mark-before-full', file);
  const filler = await seenByAgent(`${logFolder}/filler`);
  spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096']);
  const marks = Array.from({ length: 30 }, (_, index) => `mark-full-${index}`);
  for (const mark of marks) await leaveMark(mark);
  const written = new Set(readEvents(file).map((event) => event.process_exec?.process.arguments));
  assert.ok(!written.has(marks.at(-1)), 'the disk is not full');
  assert.equal(await unitProperty('ActiveState'), 'active');
  rmSync(filler);
  await awaitMark(marks.at(-1)!, file);
  const found = readEvents(file).flatMap(({ process_exec: exec }) => exec?.process.arguments ?? []);
  assert.deepEqual(
    found.filter((mark) => mark.startsWith('mark-full-')),
    marks,
  );
  measured.push(`${marks.filter((mark) => !written.has(mark)).length} of ${marks.length} events waited for the disk`);
}

/** The path by which others reach a file that the agent sees. */
async function seenByAgent(file: string): Promise<string> {
  return `/proc/${await unitProperty('MainPID')}/root${file}`;
}

async function deleteEventFile(): Promise<void> {
  const pid = await unitProperty('MainPID');
  const folder = await seenByAgent(logFolder);
  const file = await seenByAgent(eventFile);
  /* Without CAP_DAC_OVERRIDE root is held by permissions too. */
  chmodSync(folder, 0o500);
  rmSync(file);
  await leaveMark('mark-deleted');
  await sleep(2000);
  assert.ok(!existsSync(file));
  chmodSync(folder, 0o750);
  await leaveMark('mark-writable');
  await awaitMark('mark-writable', file);
  assert.equal(await unitProperty('MainPID'), pid);
  await runCommand('nsenter', ['--target', pid, '--mount', 'umount', '--lazy', logFolder]);
  await runCommand('systemctl', ['reload', 'jatai.service']);
  await leaveMark('mark-large-disk');
  await awaitMark('mark-large-disk');
}

function logOfService(): string {
  return spawnSync('journalctl', ['-u', 'jatai', '-o', 'cat', '--no-pager'], { encoding: 'utf8' }).stdout;
}

async function remove(context: PackageContext): Promise<void> {
  const { guarded } = context;
  assert.ok(isRefused(guarded!.file));
  context.installedFiles = (await runCommand('dpkg', ['-L', 'jatai'])).stdout.split('\n').filter(Boolean);
  await dpkg('-r', 'jatai');
  /* The kernel detaches a program some time after the last pin is gone. */
  await awaitValue('the end of the refusal', () => (tryToOpen(guarded!.file) === 'opened' ? true : undefined));
  assert.ok(!existsSync('/sys/fs/bpf/jatai'));
  assert.equal(await unitProperty('ActiveState'), 'inactive');
  assert.ok(existsSync(editedPolicy));
  assert.ok(existsSync(eventFile));
}

async function purge({ before, installedFiles }: PackageContext): Promise<void> {
  await dpkg('-P', 'jatai');
  rmSync('/run/guarded-parent', { recursive: true });
  const old = new Set(before.files);
  /* Folders of the package may be those of others too: /usr/lib. */
  const left = installedFiles!.filter((file) => existsSync(file) && !statSync(file).isDirectory() && !old.has(file));
  assert.deepEqual(left, []);
  assert.ok(!existsSync('/usr/lib/jatai'));
  let changes = stateChanges(before, await readMachineState());
  /* Programs are freed some time after they were detached. */
  for (let tries = 0; tries < 5 && changes.length > 0; tries++) {
    await sleep(2000);
    changes = stateChanges(before, await readMachineState());
  }
  assert.deepEqual(changes, []);
  assert.equal(await unitProperty('LoadState'), 'not-found');
}

async function dpkg(...args: string[]): Promise<void> {
  const { status, stdout, stderr } = await runCommand('dpkg', args, { allowFailure: true });
  assert.equal(status, 0, `dpkg ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}${logOfService()}`);
}

function seconds(startMs: number): string {
  return ((performance.now() - startMs) / 1000).toFixed(1);
}
