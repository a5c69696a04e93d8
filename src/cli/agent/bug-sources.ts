import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { configPaths, readConfigPath } from '../../config/config-files.ts';
import { defaultInfoFile } from '../../grpc/info-file.ts';
import { collectFacts } from '../../kernel/facts.ts';
import { policyAbilities } from '../machine/policy-abilities.ts';
import { suggestChanges } from '../machine/probe-changes.ts';
import { readVersion } from '../version.ts';
import { type ConnectionValues, withAgent } from './agent-connection.ts';

/** One file of the archive of `jatai bugtool`. */
export interface BugSource {
  readonly name: string;
  /** May throw: then the archive says why it is not there. */
  read(): string | Promise<string>;
}

export function bugSources(connection: ConnectionValues): BugSource[] {
  return [
    { name: 'version.txt', read: () => `jatai ${readVersion()}, node ${process.version}\n` },
    { name: 'system/uname.txt', read: () => run('uname', '-a') },
    ...systemFiles.map((path) => fileSource(`system/${path.replaceAll('/', '_').slice(1)}`, path)),
    { name: 'kernel/probe.json', read: describeKernel },
    { name: 'kernel/log.txt', read: () => run('dmesg') },
    ...[...configPaths, ...outputFiles()].filter((path) => existsSync(path)).flatMap(configSources),
    { name: 'agent/journal.txt', read: () => run('journalctl', '-u', 'jatai', '--no-pager', '-n', '5000') },
    ...agentSources(connection),
    ...processSources(),
  ];
}

const systemFiles = [
  '/etc/os-release',
  '/proc/cmdline',
  '/proc/meminfo',
  '/proc/mounts',
  '/proc/sys/kernel/unprivileged_bpf_disabled',
  '/proc/sys/net/core/bpf_jit_enable',
  '/sys/kernel/security/lsm',
  '/sys/kernel/debug/sched/preempt',
];

function describeKernel(): string {
  const { release, version, machine, preemption, features, ...rest } = collectFacts();
  const facts = { release, version, machine, preemption, features, ...rest };
  const report = { release, version, machine, preemption, features };
  return json({
    ...report,
    policies: policyAbilities(facts),
    changes: suggestChanges(facts, process.getuid?.() === 0),
  });
}

/** Files that describe outputs, as the settings name them. */
function outputFiles(): string[] {
  const settings = configPaths.flatMap((path) => readConfigPath(path, false).settings);
  return [...new Set(settings.filter(({ name }) => name === 'outputs').map(({ text }) => text))];
}

/** A place that cannot be looked into is a source that says why. */
function configSources(path: string): BugSource[] {
  try {
    if (!statSync(path).isDirectory()) return [configSource(path)];
    const files = readdirSync(path).filter((file) => !file.startsWith('.'));
    return files.map((file) => configSource(join(path, file)));
  } catch {
    return [configSource(path)];
  }
}

/** Names of the archive are short. */
function configSource(path: string): BugSource {
  return fileSource(`config/${path.replaceAll('/', '_').slice(1).slice(-70)}`, path);
}

/** What the agent says of itself. */
function agentSources(connection: ConnectionValues): BugSource[] {
  return [
    { name: 'agent/version.txt', read: () => withAgent(connection, (client) => client.getVersion()) },
    { name: 'agent/info.json', read: async () => json(await withAgent(connection, (client) => client.getInfo())) },
    { name: 'agent/health.json', read: async () => json(await withAgent(connection, (client) => client.getHealth())) },
    {
      name: 'agent/policies.json',
      read: async () => json(await withAgent(connection, (client) => client.listPolicies(''))),
    },
  ];
}

/** What the kernel says of the agent whose info file is there. */
function processSources(): BugSource[] {
  const folder = (): string => {
    const { pid } = JSON.parse(readFileSync(defaultInfoFile, 'utf8')) as { pid: number };
    return `/proc/${pid}`;
  };
  const files = ['status', 'limits', 'smaps_rollup', 'cmdline', 'cgroup'].map((file) => ({
    name: `process/${file}.txt`,
    read: () => readFileSync(join(folder(), file), 'utf8').replaceAll('\0', ' '),
  }));
  return [...files, { name: 'process/bpf.txt', read: () => listBpf(folder()) }];
}

/** Programs, maps and links that a process holds, as /proc describes their descriptors. */
function listBpf(folder: string): string {
  const descriptors = readdirSync(join(folder, 'fd')).filter((fd) => {
    return /bpf/.test(readlinkSync(join(folder, 'fd', fd)));
  });
  return descriptors.map((fd) => `fd ${fd}\n${readFileSync(join(folder, 'fdinfo', fd), 'utf8')}`).join('\n');
}

function fileSource(name: string, path: string): BugSource {
  return { name, read: () => readFileSync(path, 'utf8') };
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 * 2 ** 20 });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
