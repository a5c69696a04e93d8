import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { KernelFacts } from '../compiler/kernel-facts.ts';
import { DEBUGFS, readKernelFile } from './mounts.ts';
import type { SystemName } from './system.ts';

/** Options of a kernel's build that are not unset: `CONFIG_BPF` -> `y`. */
export type KernelConfig = ReadonlyMap<string, string>;

/** The running kernel's build options, from where distributions put them; undefined when they are nowhere. */
export function readKernelConfig(release: string): KernelConfig | undefined {
  if (existsSync('/proc/config.gz')) {
    return parseKernelConfig(gunzipSync(readFileSync('/proc/config.gz')).toString());
  }
  const path = [`/boot/config-${release}`, `/lib/modules/${release}/config`].find(existsSync);
  return path === undefined ? undefined : parseKernelConfig(readFileSync(path, 'utf8'));
}

export function parseKernelConfig(text: string): KernelConfig {
  return new Map([...text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)].map((match) => [match[1]!, match[2]!]));
}

type Preemption = KernelFacts['preemption'];

/** What decides the preemption model, each undefined when it cannot be read. */
export interface PreemptionSources {
  /** `uname -v`. */
  readonly build: string;
  /** `sched/preempt` of debugfs: `none (voluntary) full`. */
  readonly debug: string | undefined;
  /** The kernel's command line. */
  readonly commandLine: string | undefined;
  readonly config: KernelConfig | undefined;
}

export function readPreemption(name: SystemName, config: KernelConfig | undefined): Preemption {
  const commandLine = existsSync('/proc/cmdline') ? readFileSync('/proc/cmdline', 'utf8') : undefined;
  return findPreemption({ build: name.build, debug: readKernelFile(DEBUGFS, 'sched/preempt'), commandLine, config });
}

/** The running model as debugfs states it, else what command line and build options say, else `unknown`. */
export function findPreemption({ build, debug, commandLine, config }: PreemptionSources): Preemption {
  if (/\bPREEMPT_RT\b/.test(build)) {
    return 'realtime';
  }
  const stated = modelOf(/\((\w+)\)/.exec(debug ?? '')?.[1]);
  if (stated) {
    return stated;
  }
  if (/\bPREEMPT_DYNAMIC\b/.test(build)) {
    return modelOf(/\bpreempt=(\w+)/.exec(commandLine ?? '')?.[1]) ?? builtModel(config) ?? 'unknown';
  }
  if (/\bPREEMPT\b/.test(build)) {
    return 'full';
  }
  // Not preemptible: that it is not stated whether voluntarily or not at all makes no difference to BPF programs.
  return builtModel(config) ?? 'voluntary';
}

function modelOf(word: string | undefined): Preemption | undefined {
  return (['none', 'voluntary', 'full', 'lazy'] as const).find((model) => model === word);
}

function builtModel(config: KernelConfig | undefined): Preemption | undefined {
  const built: [string, Preemption][] = [
    ['CONFIG_PREEMPT_LAZY', 'lazy'],
    ['CONFIG_PREEMPT', 'full'],
    ['CONFIG_PREEMPT_VOLUNTARY', 'voluntary'],
    ['CONFIG_PREEMPT_NONE', 'none'],
  ];
  return built.find(([option]) => config?.get(option) === 'y')?.[1];
}
