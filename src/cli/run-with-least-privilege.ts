import type { OptionValues } from '../config/option.ts';
import { readConfig } from '../config/read-config.ts';
import { parseServerAddress } from '../grpc/server-address.ts';
import { capabilitySet, keepCapabilities, permittedCapabilities } from '../kernel/capabilities.ts';
import { BPFFS, DEBUGFS, ensureMounted, findMount, SECURITYFS, TRACEFS } from '../kernel/mounts.ts';
import { raiseMemlockLimit } from '../kernel/system.ts';
import { capabilityNeeds, describeNeeds, type Surroundings } from './capability-needs.ts';
import { runOptions } from './run-options.ts';

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
    wanted: values['keep-capabilities'],
  };
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
