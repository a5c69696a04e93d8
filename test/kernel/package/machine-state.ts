import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { runCommand } from '../../vm/run-command.ts';

/** What a package may leave on a machine: names, sorted. */
export interface MachineState {
  readonly files: readonly string[];
  readonly users: readonly string[];
  /** Unix sockets with the name of the package, or that of Tetragon. */
  readonly sockets: readonly string[];
  /** Programs, maps and links of BPF: kind and name. */
  readonly bpfObjects: readonly string[];
  /** Those that systemd knows, of this package. */
  readonly units: readonly string[];
  readonly mounts: readonly string[];
}

/** Folders where a package, a service or its agent could leave something, with how deep to look. */
const watchedFolders: Readonly<Record<string, number>> = {
  '/etc': 9,
  '/opt': 2,
  '/run': 9,
  '/sys/fs/bpf': 9,
  '/usr/bin': 1,
  '/usr/lib': 1,
  '/usr/lib/systemd/system': 9,
  '/usr/lib/sysusers.d': 1,
  '/usr/lib/tmpfiles.d': 1,
  '/usr/share': 1,
  '/usr/share/doc': 1,
  '/var/cache': 1,
  '/var/lib': 1,
  '/var/log': 2,
};
/** Others use these too; what counts bears the name of the unit. */
const sharedFolders: Readonly<Record<string, number>> = { '/sys/fs/cgroup': 9, '/tmp': 1, '/var/tmp': 1 };
const ofUnit = /jatai\.service/;

/** What systemd and the virtual machine write there at any time; the log of dpkg itself stays. */
const passing =
  /^\/run\/(systemd|jatai-vm|jatai-out|udev|log|credentials)(\/|$)|^\/var\/log\/(dpkg|alternatives)\.log$/;

/** Programs that systemd loads for units, this package's or others. */
const ofSystemd = / sd_/;

export async function readMachineState(): Promise<MachineState> {
  return {
    files: Object.entries(watchedFolders)
      .flatMap(([folder, depth]) => listFiles(folder, depth))
      .filter((file) => !passing.test(file))
      .concat(filesOfUnit()),
    users: ['/etc/passwd', '/etc/group'].flatMap(readLines),
    sockets: readLines('/proc/net/unix').flatMap((line) => / (\S*(?:jatai|tetragon)\S*)$/.exec(line)?.[1] ?? []),
    bpfObjects: await listBpfObjects(),
    units: (await runCommand('systemctl', ['list-units', '--all', '--plain', '--no-legend', 'jatai*'])).stdout.split(
      '\n',
    ),
    mounts: readLines('/proc/self/mounts'),
  };
}

/** What is there and was not before, or the other way round, one line each. */
export function stateChanges(before: MachineState, after: MachineState): string[] {
  return Object.keys(before).flatMap((name) => {
    const kind = name as keyof MachineState;
    const old = new Set(before[kind]);
    const now = new Set(after[kind]);
    return [
      ...[...now].filter((line) => !old.has(line)).map((line) => `${kind}: new: ${line}`),
      ...[...old].filter((line) => !now.has(line)).map((line) => `${kind}: gone: ${line}`),
    ];
  });
}

/** The objects that are there, but for systemd's. */
export async function listBpfObjects(): Promise<string[]> {
  const lists = await Promise.all(['prog', 'map', 'link'].map((kind) => runCommand('bpftool', [kind, 'show'])));
  /* `12: fentry  name d_open  tag ...`; the lines of an object that follow are indented. */
  return lists
    .flatMap(({ stdout }) => stdout.split('\n').flatMap((line) => /^\d+: (.*)/.exec(line)?.[1] ?? []))
    .filter((line) => !ofSystemd.test(line));
}

function filesOfUnit(): string[] {
  return Object.entries(sharedFolders)
    .flatMap(([folder, depth]) => listFiles(folder, depth))
    .filter((file) => ofUnit.test(file));
}

function listFiles(folder: string, depth: number): string[] {
  if (depth === 0 || !existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    return entry.isDirectory() ? [file, ...listFiles(file, depth - 1)] : [file];
  });
}

function readLines(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n');
}
