import type { KernelFacts } from '../../compiler/kernel-facts.ts';

/** A change of the system, and what it would give. */
export interface Change {
  readonly change: string;
  readonly gives: string;
}

/** What to change about this system so that policies can do more; empty when nothing is missing. */
export function suggestChanges({ features, preemption }: KernelFacts, isRoot: boolean): Change[] {
  if (!isRoot) return [{ change: 'run jatai as root', gives: 'certainty: only root can try what is presumed here' }];
  const changes: Change[] = [];
  const forbidden = Object.values(features).some(({ reason }) => reason.startsWith('not permitted'));
  if (forbidden) {
    const change =
      'find out what forbids BPF programs: kernel lockdown (/sys/kernel/security/lockdown), a security module, a container without CAP_BPF and CAP_PERFMON';
    changes.push({ change, gives: 'the features above that are not permitted' });
  }
  if (!features.btf.available) {
    changes.push({ change: 'a kernel built with CONFIG_DEBUG_INFO_BTF=y', gives: 'anything at all' });
  }
  if (!features.kprobe.available && !features.fentry.available) {
    const change = 'a kernel built with CONFIG_KPROBES=y and CONFIG_KPROBE_EVENTS=y, or with CONFIG_FUNCTION_TRACER=y';
    changes.push({ change, gives: 'hooks on kernel functions' });
  }
  if (/command line/.test(features.lsm.reason)) {
    changes.push({ change: features.lsm.reason, gives: 'lsmhooks, and Override that nothing can slip past' });
  } else if (!features.lsm.available && !forbidden) {
    changes.push({
      change: 'a kernel built with CONFIG_BPF_LSM=y',
      gives: 'lsmhooks, and Override that nothing can slip past',
    });
  }
  if ((preemption === 'full' || preemption === 'realtime') && !features.lsm.available) {
    const gives =
      'enforcement in fentry, fmod_ret and kprobes that is not skipped while another task is preempted in it';
    changes.push({ change: `boot with preempt=voluntary (it is ${preemption})`, gives });
  }
  return changes;
}
