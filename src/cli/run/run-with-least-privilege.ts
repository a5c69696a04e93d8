import { closeSync, fstatSync, type Stats } from 'node:fs';
import { constants } from 'node:os';
import type { OptionValues } from '../../config/option.ts';
import { readConfig } from '../../config/read-config.ts';
import type { SettingProblem } from '../../config/setting.ts';
import { parseServerAddress } from '../../grpc/server-address.ts';
import {
  CAP_SYS_ADMIN,
  type CapabilitySet,
  capabilitySet,
  keepCapabilities,
  permittedCapabilities,
  withoutCapability,
} from '../../kernel/capabilities.ts';
import { libbpfMinorVersion } from '../../kernel/libbpf.ts';
import { BPFFS, DEBUGFS, ensureMounted, findMount, SECURITYFS, TRACEFS } from '../../kernel/mounts.ts';
import { openPerfEvent } from '../../kernel/probe-programs.ts';
import { raiseMemlockLimit, uname } from '../../kernel/system.ts';
import { type CapabilityNeed, capabilityNeeds, describeNeeds, type Surroundings } from './capability-needs.ts';
import { outputSettings } from './output-options.ts';
import { runOptions } from './run-options.ts';

/** `enum perf_type_id` and `enum perf_sw_ids`: an event that never happens. */
const PERF_TYPE_SOFTWARE = 1;
const PERF_COUNT_SW_DUMMY = 9;

type RunValues = OptionValues<typeof runOptions>;

/**
 * `jatai run`. Capabilities belong to threads, and Node has threads before any code of ours runs: so the process first does
 * what takes more privilege than running, gives up the rest, and executes itself. The agent starts with what it needs, in
 * every thread. Returns the exit status.
 */
export async function runWithLeastPrivilege(args: string[]): Promise<number> {
  const { values } = readConfig(runOptions, { args, environment: process.env });
  if (permittedCapabilities() !== 0n) prepareKernel();
  const needs = capabilityNeeds(await surroundingsOf(values));
  const needed = capabilitySet(needs.flatMap(({ capabilities }) => capabilities));
  const notices = noticesOf(needs, permittedCapabilities());
  if ((permittedCapabilities() & ~needed) !== 0n) notices.push(executeAgain(needed));
  const { runCommand } = await import('./run.ts');
  return runCommand(args, notices);
}

/** Limits outlive exec, and so do mounts; what cannot be mounted is reported by whoever needs it. */
function prepareKernel(): void {
  raiseMemlockLimit();
  for (const fileSystem of [TRACEFS, BPFFS]) {
    try {
      ensureMounted(fileSystem);
    } catch {
      // Not every policy needs it.
    }
  }
}

async function surroundingsOf(values: RunValues): Promise<Surroundings> {
  const parsed = [...values['server-address'], values['health-server-address'] ?? ''].map(parseServerAddress);
  const addresses = parsed.filter((address) => address !== undefined);
  const sockets = addresses.flatMap((address) => (address.kind === 'unix' ? [address.path] : []));
  const outputs = await readOutputPlaces(values.outputs);
  const files = [...outputs.paths, values.export, values['export-filename'], values['log-file'], values['run-dir']];
  if (values['server-address'].length > 0) files.push(values['agent-info-file']);
  if (values['persist-grpc-policies']) files.push(values['persist-grpc-policies-dir']);
  return {
    writtenPaths: [...files.filter((file) => file !== undefined && file !== ''), ...sockets] as string[],
    standardOutput: outputs.hasStdout || outputSettings(values).output !== 'none' ? pipeOrTerminal() : undefined,
    ports: [
      values['metrics-server']?.port ?? 0,
      ...addresses.map((address) => (address.kind === 'tcp' ? address.port : 0)),
    ],
    unmounted: [SECURITYFS, DEBUGFS].map(({ type }) => type).filter((type) => findMount(type) === undefined),
    restrictsPerfEvents: restrictsPerfEvents(),
    readsModuleTypes: readsModuleTypes(),
    wanted: values['keep-capabilities'],
  };
}

interface OutputPlaces {
  /** Files, and unix sockets of receivers. */
  readonly paths: readonly string[];
  readonly hasStdout: boolean;
}

/** Where the outputs that `--outputs` describes write to; their mistakes are told when they are opened. */
async function readOutputPlaces(outputsPath: string | undefined): Promise<OutputPlaces> {
  if (!outputsPath) return { paths: [], hasStdout: false };
  const { readOutputs } = await import('../../destinations/read-outputs.ts');
  const { outputs } = await readOutputs(outputsPath);
  const paths = outputs.flatMap((output) => {
    if (output.kind === 'file') return [output.settings.path];
    const address = output.kind === 'destination' ? output.settings['address'] : undefined;
    return isUnixAddress(address) ? [address.path] : [];
  });
  return { paths, hasStdout: outputs.some(({ kind }) => kind === 'stdout') };
}

function isUnixAddress(address: unknown): address is { readonly path: string } {
  return typeof address === 'object' && address !== null && 'path' in address && typeof address.path === 'string';
}

/** Sockets and files are written to as they are. */
function pipeOrTerminal(): Stats | undefined {
  const stats = fstatSync(1);
  return stats.isFile() || stats.isSocket() ? undefined : stats;
}

/** Kernels of Debian and Ubuntu do at a `kernel.perf_event_paranoid` above 2, their default. */
function restrictsPerfEvents(): boolean {
  if ((permittedCapabilities() & capabilitySet([CAP_SYS_ADMIN])) === 0n) return false;
  const event = withoutCapability(CAP_SYS_ADMIN, () => openPerfEvent(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY));
  if ('fd' in event) {
    closeSync(event.fd);
    return false;
  }
  return event.errno === constants.errno.EACCES || event.errno === constants.errno.EPERM;
}

/**
 * A type that the kernel does not have may be one of a module. Since 1.3 libbpf passes over modules that it may not read;
 * kernels before 5.11 have no types of them.
 */
function readsModuleTypes(): boolean {
  const [major, minor] = uname().version;
  return libbpfMinorVersion() < 3 && (major > 5 || (major === 5 && minor >= 11));
}

/** What is kept besides the usual, and what would be needed and is not there. */
function noticesOf(needs: readonly CapabilityNeed[], permitted: CapabilitySet): SettingProblem[] {
  const isPermitted = ({ capabilities }: CapabilityNeed) => (capabilitySet(capabilities) & ~permitted) === 0n;
  const notice = (origin: string) => (message: string) => ({ origin, message, hint: '' });
  return [
    ...describeNeeds(needs.filter(isPermitted)).map(notice('capabilities kept:')),
    ...describeNeeds(needs.filter((need) => !isPermitted(need))).map(notice('capabilities missing:')),
  ];
}

/** Does not return where it works; else says what that means. */
function executeAgain(kept: CapabilitySet): SettingProblem {
  try {
    keepCapabilities(kept);
    process.execve!(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)]);
    throw new Error('execve returned');
  } catch (error) {
    return { origin: 'capabilities:', message: `not all are given up: ${(error as Error).message}`, hint: '' };
  }
}
