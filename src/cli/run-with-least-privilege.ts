import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import type { OptionValues } from '../config/option.ts';
import { readConfig } from '../config/read-config.ts';
import { parseServerAddress } from '../grpc/server-address.ts';
import {
  CAP_SYS_ADMIN,
  capabilitySet,
  keepCapabilities,
  permittedCapabilities,
  withoutCapability,
} from '../kernel/capabilities.ts';
import { libbpfMinorVersion } from '../kernel/libbpf.ts';
import { BPFFS, DEBUGFS, ensureMounted, findMount, SECURITYFS, TRACEFS } from '../kernel/mounts.ts';
import { openPerfEvent } from '../kernel/probe-programs.ts';
import { raiseMemlockLimit, uname } from '../kernel/system.ts';
import { capabilityNeeds, describeNeeds, type Surroundings } from './capability-needs.ts';
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
  const needs = capabilityNeeds(surroundingsOf(values));
  const needed = capabilitySet(needs.flatMap(({ capabilities }) => capabilities));
  const notices = describeNeeds(needs).map((message) => ({ origin: 'capabilities kept:', message, hint: '' }));
  if ((permittedCapabilities() & ~needed) !== 0n) {
    keepCapabilities(needed);
    notices.push({ origin: 'capabilities:', message: executeAgain(), hint: '' });
  }
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

function surroundingsOf(values: RunValues): Surroundings {
  const addresses = values['server-address'].map(parseServerAddress).filter((address) => address !== undefined);
  const sockets = addresses.flatMap((address) => (address.kind === 'unix' ? [address.path] : []));
  const files = [values.export, values['export-filename'], values['log-file'], values['run-dir']];
  if (addresses.length > 0) files.push(values['agent-info-file']);
  if (values['persist-grpc-policies']) files.push(values['persist-grpc-policies-dir']);
  return {
    writtenPaths: [...files.filter((file) => file !== undefined && file !== ''), ...sockets] as string[],
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

/** Does not return where it works; else says what that means. */
function executeAgain(): string {
  try {
    process.execve!(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)]);
    throw new Error('execve returned');
  } catch (error) {
    return `given up by the main thread only, the agent cannot execute itself: ${(error as Error).message}`;
  }
}
