import { cgroupRateType } from '../../agent/cgroup-rate.ts';
import { defaultRunDirectory } from '../../agent/hooks-file.ts';
import { option, optional } from '../../config/option.ts';
import { booleanType, choiceType, durationType, listType, sizeType, textType } from '../../config/option-types.ts';
import { capabilitiesType } from './capability-needs.ts';
import { contentOptions } from './content-options.ts';
import { filterOptions } from './filter-options.ts';
import { metricsOptions } from './metrics-options.ts';
import { outputOptions } from './output-options.ts';
import { serverOptions } from './server-options.ts';
import { traceOptions } from './trace-options.ts';

const ringSizes = { min: 4096, max: 2 ** 30 };

/** Settings of `jatai run`. Names are Tetragon's where it has the same; other names of ours are aliases. */
export const runOptions = {
  policy: option(listType('FILE|DIR'), [], 'policies to load; may be given several times', 'tracing-policy'),
  'tracing-policy-dir': option(listType('DIR'), [], 'more policies'),
  'watch-policies': option(booleanType, true, 'load policies again when their files change'),
  ...outputOptions,
  ...filterOptions,
  ...metricsOptions,
  ...traceOptions,
  'keep-sensors-on-exit': option(
    booleanType,
    false,
    'sensors and policies stay in force when the agent ends, and the next one takes over',
  ),
  'bpf-dir': option(textType('NAME'), 'jatai', 'where they are kept, below /sys/fs/bpf'),
  mode: optional(choiceType(['enforce', 'monitor']), 'whatever the policies say in policy-mode'),
  duration: optional(durationType, 'stop after this time: 500ms, 30s, 5m, 1h'),
  strict: option(booleanType, false, 'end with status 1 when anything cannot be loaded as asked'),
  'enable-process-cred': option(booleanType, false, 'show credentials and capabilities of processes'),
  'enable-process-ns': option(booleanType, false, 'show namespaces of processes'),
  'enable-process-environment-variables': option(booleanType, false, 'show environment variables of processes'),
  'filter-environment-variables': option(listType('NAMES'), [], 'only these variables'),
  ...contentOptions,
  'rb-size-total': optional(sizeType(ringSizes), 'bytes of the event ring, rounded up to a power of two', 'ring-size'),
  'rb-size': optional(sizeType(ringSizes), 'the same for each CPU'),
  'cgroup-rate': optional(cgroupRateType, 'hold back events of a cgroup that makes more than this on one CPU: 1000,1s'),
  'run-dir': option(
    textType('DIR'),
    defaultRunDirectory,
    'where jatai top learns what runs in the kernel, and the next agent the ids of processes',
  ),
  'log-level': option(
    choiceType(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], { warning: 'warn', panic: 'fatal' }),
    'warn',
    'what the agent logs',
  ),
  'log-file': optional(textType('FILE'), 'where it logs instead of standard error'),
  debug: option(booleanType, false, 'the same as --log-level debug'),
  ...serverOptions,
  'keep-capabilities': option(
    capabilitiesType,
    [],
    'more than those the agent needs, CAP_NET_BIND_SERVICE for example; all of them, if it says all',
  ),
  'config-dir': optional(textType('DIR'), 'a directory with one file for each option, named like it'),
} as const;
