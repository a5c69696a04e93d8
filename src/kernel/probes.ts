import { close, closeSync, existsSync, readFileSync } from 'node:fs';
import type { FeatureFact, KernelFeature } from '../compiler/kernel-facts.ts';
import { nameOfErrno } from './kernel-error.ts';
import { lazyRecord } from './lazy-record.ts';
import { pageSize } from './libc.ts';
import { openMappingEvent } from './mapping-events.ts';
import { readKernelFile, SECURITYFS } from './mounts.ts';
import { presumeFeatures } from './presumed-features.ts';
import { KPROBE_EVENT_TYPE, type ProbeContext } from './probe-context.ts';
import {
  createRingBuffer,
  createTaskStorage,
  FENTRY,
  KPROBE,
  KPROBE_MULTI,
  LSM,
  loadIntBtf,
  loadProbe,
  MODIFY_RETURN,
  openKprobeMulti,
  openPerfEvent,
  openRawTracepoint,
  PERF_TYPE_TRACEPOINT,
  PROBE_PROGRAMS,
  type ProbeResult,
  type ProgramKind,
  RAW_TRACEPOINT,
  setPerfEventProgram,
  TRACEPOINT,
} from './probe-programs.ts';
import { raiseMemlockLimit } from './system.ts';
import { readTracepointFormat } from './tracepoint-format.ts';

type Probe = (context: ProbeContext) => FeatureFact;

/** A function that exists to be probed, in net/bpf/test_run.c; nothing calls it but test runs. */
const TEST_FUNCTION = 'bpf_fentry_test1';
/**
 * Hardly ever called, and the program lets everything pass. The function made to be probed, bpf_modify_return_test, needs
 * CONFIG_FUNCTION_ERROR_INJECTION, which security_* functions do not.
 */
const TEST_MODIFY_RETURN = 'security_quotactl';
const TEST_LSM_HOOK = 'bpf_lsm_quotactl';

const AVAILABLE: FeatureFact = { available: true, reason: '' };

/**
 * Tries each feature once, when it is asked for, and leaves nothing behind once the caller returned to the event loop. A process that may not load programs gets what can
 * be read instead.
 */
export function probeFeatures(context: ProbeContext): Readonly<Record<KernelFeature, FeatureFact>> {
  raiseMemlockLimit();
  if (process.geteuid?.() !== 0 && !mayLoadPrograms()) {
    return presumeFeatures(context);
  }
  return lazyRecord(new Set(Object.keys(PROBES)), (feature) => PROBES[feature as KernelFeature](context));
}

function mayLoadPrograms(): boolean {
  return factOf(loadProbe(RAW_TRACEPOINT, PROBE_PROGRAMS.returnZero), '').available;
}

const PROBES: Readonly<Record<KernelFeature, Probe>> = {
  btf: ({ functions }) =>
    functions
      ? AVAILABLE
      : missing('/sys/kernel/btf/vmlinux is not there: needs a kernel built with CONFIG_DEBUG_INFO_BTF=y'),
  ringBuffer: () => factOf(createRingBuffer(pageSize), 'BPF ring buffers need Linux 5.8'),
  kprobe: probeKprobe,
  kprobeMulti: () =>
    factOf(
      withProgram(KPROBE_MULTI, PROBE_PROGRAMS.returnZero, (fd) => openKprobeMulti(TEST_FUNCTION, fd)),
      'kprobe.multi links need Linux 5.18 and CONFIG_FPROBE=y',
    ),
  kprobeOverride: () =>
    helperFact(
      loadProbe(KPROBE, PROBE_PROGRAMS.overrideReturn),
      'overriding return values in kprobes needs CONFIG_BPF_KPROBE_OVERRIDE=y; lsm hooks can refuse instead',
    ),
  fentry: (context) => probeTracing(context, FENTRY, TEST_FUNCTION, 'fentry'),
  fmodRet: (context) => probeTracing(context, MODIFY_RETURN, TEST_MODIFY_RETURN, 'fmod_ret'),
  lsm: probeLsm,
  tracepoint: probeTracepoint,
  syscallTracepoint: ({ tracepoints }) =>
    tracepoints.has('syscalls/sys_enter_openat')
      ? AVAILABLE
      : missing('tracefs has no events/syscalls: needs tracefs at /sys/kernel/tracing and CONFIG_FTRACE_SYSCALLS=y'),
  rawTracepoint: () =>
    factOf(
      withProgram(RAW_TRACEPOINT, PROBE_PROGRAMS.returnZero, (fd) => openRawTracepoint('sched_process_exec', fd)),
      'raw tracepoint programs need CONFIG_BPF_EVENTS=y',
    ),
  sendSignal: () =>
    helperFact(
      loadProbe(RAW_TRACEPOINT, PROBE_PROGRAMS.sendSignal),
      'sending signals needs Linux 5.3 (bpf_send_signal)',
    ),
  atomicFetch: () =>
    factOf(
      loadProbe(RAW_TRACEPOINT, PROBE_PROGRAMS.atomicFetch),
      'fetching atomic instructions need Linux 5.12 and a JIT that has them',
    ),
  taskStorage: probeTaskStorage,
  pointerCast: ({ functions }) =>
    functions?.get('bpf_rdonly_cast') !== undefined
      ? AVAILABLE
      : missing('the kernel function bpf_rdonly_cast needs Linux 6.2'),
  buildId: () => factOf(openMappingEvent(0, 0n), 'perf events with build ids need Linux 5.12 and CAP_PERFMON'),
  bpfLoop: () => helperFact(loadProbe(RAW_TRACEPOINT, PROBE_PROGRAMS.loop), 'bpf_loop needs Linux 5.17'),
  preemptDisable: ({ functions }) =>
    functions?.get('bpf_preempt_disable') !== undefined
      ? AVAILABLE
      : missing('the kernel function bpf_preempt_disable needs Linux 6.10'),
};

function probeKprobe({ config }: ProbeContext): FeatureFact {
  if (!existsSync(KPROBE_EVENT_TYPE)) {
    const why =
      config()?.get('CONFIG_KPROBES') === 'y'
        ? 'CONFIG_KPROBE_EVENTS=y'
        : 'CONFIG_KPROBES=y and CONFIG_KPROBE_EVENTS=y';
    return missing(`this kernel has no kprobes: needs ${why}; use tracepoint, fentry or lsm hooks`);
  }
  const type = Number(readFileSync(KPROBE_EVENT_TYPE, 'utf8'));
  return factOf(
    withProgram(KPROBE, PROBE_PROGRAMS.returnZero, (fd) => attachPerfEvent(openPerfEvent(type, 0, TEST_FUNCTION), fd)),
    'kprobe programs need CONFIG_KPROBE_EVENTS=y, CONFIG_BPF_EVENTS=y and CAP_PERFMON',
  );
}

function probeTracepoint({ tracepoints }: ProbeContext): FeatureFact {
  if (!tracepoints.has('sched/sched_process_exec')) {
    return missing('tracefs shows no tracepoints: needs tracefs at /sys/kernel/tracing and CONFIG_TRACING=y');
  }
  const id = readTracepointFormat('sched', 'sched_process_exec')?.id ?? 0;
  return factOf(
    withProgram(TRACEPOINT, PROBE_PROGRAMS.returnZero, (fd) =>
      attachPerfEvent(openPerfEvent(PERF_TYPE_TRACEPOINT, id), fd),
    ),
    'tracepoint programs need CONFIG_BPF_EVENTS=y, CONFIG_PERF_EVENTS=y and CAP_PERFMON',
  );
}

function probeTracing(context: ProbeContext, kind: ProgramKind, target: string, name: string): FeatureFact {
  const id = context.functions?.get(target);
  if (id === undefined) {
    return missing(`${name} programs need BTF with the function ${target} (CONFIG_DEBUG_INFO_BTF=y)`);
  }
  return factOf(
    withProgram(kind, PROBE_PROGRAMS.returnZero, (fd) => openRawTracepoint(null, fd), id),
    `${name} programs need CONFIG_FUNCTION_TRACER=y and CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y (x86_64 since Linux 5.5, arm64 since 6.0)`,
  );
}

/** Programs may load and attach though the LSM is not active: then they never run. */
function probeLsm(context: ProbeContext): FeatureFact {
  const id = context.functions?.get(TEST_LSM_HOOK);
  if (id === undefined) {
    return missing('LSM programs need a kernel built with CONFIG_BPF_LSM=y and CONFIG_DEBUG_INFO_BTF=y');
  }
  const loaded = factOf(
    withProgram(LSM, PROBE_PROGRAMS.returnZero, (fd) => openRawTracepoint(null, fd), id),
    'LSM programs need CONFIG_BPF_LSM=y and what fentry needs',
  );
  return loaded.available ? activeLsmFact() : loaded;
}

function activeLsmFact(): FeatureFact {
  const active = readKernelFile(SECURITYFS, 'lsm')?.trim();
  if (active === undefined) {
    return missing('the list of active LSMs cannot be read: mount securityfs at /sys/kernel/security');
  }
  return active.split(',').includes('bpf')
    ? AVAILABLE
    : missing(
        `BPF LSM is built in but not active: add bpf to the kernel's command line (lsm=${active},bpf) and reboot`,
      );
}

function probeTaskStorage(): FeatureFact {
  const needs = 'task storage in tracing programs needs Linux 5.12';
  const btf = loadIntBtf();
  if (!('fd' in btf)) {
    return factOf(btf, needs);
  }
  const map = factOf(createTaskStorage(btf.fd), needs);
  closeSync(btf.fd);
  return map.available ? helperFact(loadProbe(RAW_TRACEPOINT, PROBE_PROGRAMS.taskStorageGet), needs) : map;
}

/** Loads a program, tries to attach it, and closes it. */
function withProgram(
  kind: ProgramKind,
  program: Parameters<typeof loadProbe>[1],
  attach: (fd: number) => ProbeResult,
  targetId?: number,
): ProbeResult {
  const loaded = loadProbe(kind, program, targetId);
  if (!('fd' in loaded)) {
    return loaded;
  }
  try {
    return attach(loaded.fd);
  } finally {
    closeLater(loaded.fd);
  }
}

function attachPerfEvent(event: ProbeResult, programFd: number): ProbeResult {
  if (!('fd' in event)) {
    return event;
  }
  const errno = setPerfEventProgram(event.fd, programFd);
  if (errno === 0) {
    return event;
  }
  closeSync(event.fd);
  return { errno, log: '' };
}

/** Available when there is a descriptor, which is closed. */
function factOf(result: ProbeResult, needs: string): FeatureFact {
  if ('fd' in result) {
    closeLater(result.fd);
    return AVAILABLE;
  }
  if (nameOfErrno(result.errno) === 'EPERM') {
    return missing(
      `not permitted (EPERM): run as root with CAP_BPF and CAP_PERFMON, outside of lockdown and of security modules that forbid it; ${needs}`,
    );
  }
  const said = lastLine(result.log);
  return missing(`${needs} (${nameOfErrno(result.errno)}${said ? `: ${said}` : ''})`);
}

/** To detach a program the kernel waits for all CPUs, for all probes half a second: not while the agent starts. */
function closeLater(fd: number): void {
  setImmediate(() => close(fd, () => {}));
}

/** How verifiers say that a helper does not exist, or not for this type of program. */
const UNKNOWN_HELPER = /unknown func|invalid func|cannot use helper/;

/** Available when the program loads, or is refused for another reason than the helper. */
function helperFact(result: ProbeResult, needs: string): FeatureFact {
  const known = !('fd' in result) && result.log !== '' && !UNKNOWN_HELPER.test(result.log);
  return known ? AVAILABLE : factOf(result, needs);
}

function lastLine(log: string): string | undefined {
  return log
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('processed '))
    .at(-1);
}

function missing(reason: string): FeatureFact {
  return { available: false, reason };
}
