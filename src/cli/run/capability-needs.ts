import { type Stats, statSync } from 'node:fs';
import path from 'node:path';
import type { OptionType } from '../../config/option-types.ts';
import { listType } from '../../config/option-types.ts';
import {
  CAP_BPF,
  CAP_DAC_OVERRIDE,
  CAP_DAC_READ_SEARCH,
  CAP_FOWNER,
  CAP_NET_BIND_SERVICE,
  CAP_PERFMON,
  CAP_SYS_ADMIN,
  CAP_SYS_PTRACE,
  CAP_SYSLOG,
} from '../../kernel/capabilities.ts';
import { capabilityNames, capabilityNumber } from '../../policy/capabilities.ts';

/** Why a running agent keeps some capabilities. */
export interface CapabilityNeed {
  readonly capabilities: readonly number[];
  readonly reason: string;
}

/** What needs depend on. */
export interface Surroundings {
  /** Files and folders that the agent makes or writes. */
  readonly writtenPaths: readonly string[];
  /** What standard output is, when it is opened anew: a pipe or a terminal with events. */
  readonly standardOutput: Stats | undefined;
  /** TCP ports on which it listens. */
  readonly ports: readonly number[];
  /** Kernel file systems that it reads although they are mounted nowhere. */
  readonly unmounted: readonly string[];
  /** The kernel gives no perf events, by which kprobes and tracepoints attach, to those who have only CAP_PERFMON. */
  readonly restrictsPerfEvents: boolean;
  /** libbpf fails when it may not look for types in those of kernel modules. */
  readonly readsModuleTypes: boolean;
  /** What the operator wants to keep. */
  readonly wanted: readonly number[];
}

/** What every agent needs while it runs, policies that come later included. */
const constantNeeds: readonly CapabilityNeed[] = [
  { capabilities: [CAP_BPF], reason: 'programs and maps' },
  { capabilities: [CAP_PERFMON], reason: 'programs that trace, and where they attach' },
  { capabilities: [CAP_SYS_PTRACE], reason: 'links in /proc of processes of others' },
  { capabilities: [CAP_SYSLOG], reason: 'names of kernel functions in stacks' },
  { capabilities: [CAP_DAC_READ_SEARCH], reason: 'files in /proc of processes of others, their binaries' },
];

/** The constant needs and those of these surroundings. */
export function capabilityNeeds(surroundings: Surroundings): CapabilityNeed[] {
  const needs = [...constantNeeds];
  const foreign = surroundings.writtenPaths.find((file) => !isWritable(file));
  if (foreign !== undefined)
    needs.push({ capabilities: [CAP_DAC_OVERRIDE, CAP_FOWNER], reason: `${foreign} or its folder is another user's` });
  const { standardOutput } = surroundings;
  if (standardOutput !== undefined && !mayWrite(standardOutput))
    needs.push({ capabilities: [CAP_DAC_OVERRIDE], reason: "standard output is another user's" });
  const port = surroundings.ports.find((number) => number > 0 && number < 1024);
  if (port !== undefined) needs.push({ capabilities: [CAP_NET_BIND_SERVICE], reason: `it listens on port ${port}` });
  const [unmounted] = surroundings.unmounted;
  if (unmounted !== undefined)
    needs.push({ capabilities: [CAP_SYS_ADMIN], reason: `${unmounted} is read and not mounted` });
  if (surroundings.restrictsPerfEvents)
    needs.push({ capabilities: [CAP_SYS_ADMIN], reason: 'kernel.perf_event_paranoid is above 2 in this kernel' });
  if (surroundings.readsModuleTypes)
    needs.push({ capabilities: [CAP_SYS_ADMIN], reason: 'libbpf before 1.3 reads the types of kernel modules' });
  if (surroundings.wanted.length > 0) needs.push({ capabilities: surroundings.wanted, reason: '--keep-capabilities' });
  return needs;
}

/** `CAP_SYS_ADMIN is kept: securityfs is read and not mounted`, for each need that not every agent has. */
export function describeNeeds(needs: readonly CapabilityNeed[]): string[] {
  return needs
    .filter((need) => !constantNeeds.includes(need))
    .map(({ capabilities, reason }) => `${capabilities.map(nameOf).join(' and ')}: ${reason}`);
}

function nameOf(number: number): string {
  return capabilityNames[number] ?? `capability ${number}`;
}

/**
 * Whether others let us write it, or make it, without CAP_DAC_OVERRIDE. A file that exists may also be replaced. What is ours
 * and read-only is meant to be.
 */
function isWritable(file: string): boolean {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isDirectory()) return mayWrite(stats) && isWritable(path.dirname(file));
  if (stats !== undefined) return mayWrite(stats);
  return file === path.dirname(file) || isWritable(path.dirname(path.resolve(file)));
}

function mayWrite({ uid, gid, mode }: Stats): boolean {
  if (uid === process.geteuid?.()) return true;
  if (gid === process.getegid?.()) return (mode & 0o020) !== 0;
  return (mode & 0o002) !== 0;
}

/** Capabilities by name, with or without `CAP_`; `all` stands for every one. */
export const capabilitiesType: OptionType<readonly number[]> = {
  ...listType('NAME'),
  parse: (text) =>
    listType('NAME')
      .parse(text)
      .flatMap((name) => (/^all$/i.test(name) ? [...capabilityNames.keys()] : [numberOf(name)])),
  show: (numbers) => numbers.map(nameOf).join(','),
};

function numberOf(name: string): number {
  const number = capabilityNumber(name.toUpperCase());
  if (number === undefined) throw new Error('a list of capabilities such as CAP_NET_BIND_SERVICE, or all');
  return number;
}
