import type { HookSpec, Policy } from '../policy/model.ts';
import type { AttachPoint } from './hook-plan.ts';
import type { KernelFacts, Prototype } from './kernel-facts.ts';

/** The attach point of a hook, or why this kernel has none and what to use instead. */
export type AttachDecision =
  | { readonly kind: 'attach'; readonly attach: AttachPoint; readonly functionName: string }
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string; readonly hint: string };

const syscallPrefixes = { x86_64: '__x64_', aarch64: '__arm64_' } as const;

/**
 * Chooses how a hook gets into the kernel's way: fentry before kprobe, lsm where a `security_*` function is to be
 * enforced, fmod_ret where BPF LSM is not active, the tracepoint of a system call where there are no kprobes.
 */
export function planAttach(policy: Policy, hook: HookSpec, facts: KernelFacts): AttachDecision {
  if (!facts.features.sendSignal.available && sendsSignals(policy, hook)) {
    return refused(
      'signal-unavailable',
      `Signals cannot be sent: ${facts.features.sendSignal.reason}`,
      'Use Override.',
    );
  }
  switch (hook.kind) {
    case 'kprobe':
    case 'fentry':
      return hook.syscall ? planSyscall(policy, hook, facts) : planFunction(policy, hook, facts);
    case 'lsm':
      return planLsm(policy, hook, facts);
    case 'tracepoint':
      return planTracepoint(hook, facts);
    case 'rawTracepoint':
      return planRawTracepoint(hook, facts);
    default:
      return hook.kind satisfies never;
  }
}

/** Which enforcement the policy asks for. In monitor mode it asks for none. */
function enforcementOf(policy: Policy, hook: HookSpec): 'none' | 'signal' | 'override' {
  if (policy.mode === 'monitor') return 'none';
  const kinds = hook.selectors.flatMap((selector) => selector.actions.map((action) => action.kind));
  if (kinds.includes('Override')) return 'override';
  return kinds.includes('Sigkill') || kinds.includes('Signal') ? 'signal' : 'none';
}

function sendsSignals(policy: Policy, hook: HookSpec): boolean {
  const signals = new Set(['Sigkill', 'Signal']);
  return (
    policy.mode === 'enforce' && hook.selectors.some(({ actions }) => actions.some(({ kind }) => signals.has(kind)))
  );
}

function refused(code: string, reason: string, hint: string): AttachDecision {
  return { kind: 'refused', code, reason, hint };
}

/** Preemption models in which a task may be preempted inside a program while others run on its CPU. */
const preemptsPrograms: ReadonlySet<KernelFacts['preemption']> = new Set(['full', 'lazy', 'realtime']);

/**
 * Programs on trampolines count a CPU as busy while they run: when a task is preempted inside one, other tasks on that
 * CPU pass unseen. lsm programs do not count, and kprobes run with preemption off.
 */
export function skipsOtherTasks(facts: KernelFacts): boolean {
  return preemptsPrograms.has(facts.preemption);
}

function guardDegradation(facts: KernelFacts): string[] {
  if (!skipsOtherTasks(facts)) return [];
  return [
    `preempt=${facts.preemption}: while a task is preempted inside the program, other tasks on that CPU pass unseen; boot with preempt=voluntary, or with lsm=...,bpf and hook a security_* function`,
  ];
}

/** Why a function is hooked by kprobe although fentry would be cheaper; undefined when fentry is taken. */
function whyNotFentry(prototype: Prototype | undefined, facts: KernelFacts): string | undefined {
  if (!facts.features.fentry.available) return facts.features.fentry.reason;
  if (!passesArguments(prototype, facts)) return 'the type information of the parameters is missing or incomplete';
  if (skipsOtherTasks(facts) && facts.features.kprobe.available) {
    return `preempt=${facts.preemption}, where fentry misses calls of other tasks`;
  }
  return undefined;
}

function planSyscall(policy: Policy, hook: HookSpec, facts: KernelFacts): AttachDecision {
  const bare = hook.target.replace(/^sys_/, '');
  const functionName = `${syscallPrefixes[facts.machine]}sys_${bare}`;
  const enforcement = enforcementOf(policy, hook);
  if (enforcement === 'override') {
    return refused(
      'override-unavailable',
      `Override of a system call needs a kernel with CONFIG_BPF_KPROBE_OVERRIDE (${facts.features.kprobeOverride.reason || 'the kernel has it, but it is not compiled yet'})`,
      'Override the security_* function behind the system call (security_file_open for openat, security_socket_connect for connect), or use Sigkill.',
    );
  }
  if (!(bare in facts.syscalls)) {
    return refused(
      'unknown-syscall',
      `The kernel has no system call "${bare}"`,
      nearest(bare, Object.keys(facts.syscalls)),
    );
  }
  const shared = { target: functionName, syscall: true, degraded: [] };
  const obstacle = whyNotFentry(facts.functions[functionName], facts);
  if (obstacle === undefined) {
    return attach(functionName, {
      ...shared,
      degraded: guardDegradation(facts),
      mechanism: 'fentry',
      returns: { mechanism: 'fexit', target: functionName },
      reason: 'fentry: the cheapest way into a function that has BTF',
    });
  }
  if (facts.features.kprobe.available) {
    return attach(functionName, {
      ...shared,
      mechanism: 'kprobe',
      /* A kretprobe has room for some ten calls at a time and misses the others: many tasks sleep in a system call. */
      returns: facts.features.syscallTracepoint.available
        ? { mechanism: 'tracepoint', target: `syscalls/sys_exit_${bare}` }
        : { mechanism: 'kretprobe', target: functionName },
      reason: `kprobe: ${obstacle}`,
    });
  }
  if (!facts.features.syscallTracepoint.available) {
    return refused(
      'hook-unavailable',
      `No way to hook the system call "${bare}": ${facts.features.kprobe.reason}; ${facts.features.syscallTracepoint.reason}`,
      'Use a kernel with CONFIG_KPROBES or CONFIG_FTRACE_SYSCALLS.',
    );
  }
  return attach(functionName, {
    ...shared,
    mechanism: 'syscall_tracepoint',
    target: `syscalls/sys_enter_${bare}`,
    returns: { mechanism: 'tracepoint', target: `syscalls/sys_exit_${bare}` },
    reason: `tracepoint of the system call: ${facts.features.kprobe.reason}`,
    degraded: ['tracepoints of system calls do not see calls of 32-bit programs'],
  });
}

function planFunction(policy: Policy, hook: HookSpec, facts: KernelFacts): AttachDecision {
  const name = hook.target;
  const prototype = facts.functions[name];
  const enforcement = enforcementOf(policy, hook);
  if (!facts.features.btf.available) {
    return refused('hook-unavailable', `Functions are found by type information: ${facts.features.btf.reason}`, '');
  }
  if (prototype === undefined) {
    return refused(
      'unknown-function',
      `The kernel has no function "${name}"`,
      nearest(name, Object.keys(facts.functions)),
    );
  }
  if (enforcement !== 'none' && name.startsWith('security_')) {
    const decision = planSecurityEnforcement(name.slice('security_'.length), prototype, enforcement, facts);
    if (decision !== undefined) return decision;
  }
  const shared = {
    target: name,
    syscall: false,
    degraded: [],
  };
  const obstacle = whyNotFentry(prototype, facts);
  if (obstacle === undefined) {
    return attach(name, {
      ...shared,
      degraded: guardDegradation(facts),
      mechanism: 'fentry',
      returns: { mechanism: 'fexit', target: name },
      reason: 'fentry: the cheapest way into a function that has BTF',
    });
  }
  if (facts.features.kprobe.available) {
    return attach(name, {
      ...shared,
      mechanism: 'kprobe',
      returns: { mechanism: 'kretprobe', target: name },
      reason: `kprobe: ${obstacle}`,
    });
  }
  return refused(
    'hook-unavailable',
    `No way to hook the function "${name}": ${facts.features.fentry.reason}; ${facts.features.kprobe.reason}`,
    'Hook a tracepoint or a system call instead, or use a kernel with CONFIG_KPROBES.',
  );
}

/**
 * Trampolines pass on six parameters in registers, and from 6.6 on those on the stack too. A parameter that points to
 * a structure without a definition cannot be used.
 */
function passesArguments(prototype: Prototype | undefined, facts: KernelFacts): boolean {
  if (prototype === undefined || prototype.parameters.some((parameter) => parameter.opaque)) return false;
  const [major, minor] = facts.version;
  return prototype.parameters.length <= (major > 6 || (major === 6 && minor >= 6) ? 12 : 6);
}

function planSecurityEnforcement(
  lsmHook: string,
  prototype: Prototype,
  enforcement: 'signal' | 'override',
  facts: KernelFacts,
): AttachDecision | undefined {
  const name = `security_${lsmHook}`;
  const shared = {
    syscall: false,
    returns: returnOf(name, facts),
  };
  if (facts.features.lsm.available && `bpf_lsm_${lsmHook}` in facts.functions) {
    return attach(name, {
      ...shared,
      mechanism: 'lsm',
      target: lsmHook,
      degraded: [],
      reason: 'lsm: enforcement is never skipped there, whatever else runs on the CPU',
    });
  }
  if (enforcement === 'signal') return undefined;
  if (prototype.returns.size === 0) {
    return refused('override-unavailable', `${name} returns nothing that could be overridden`, 'Use Sigkill.');
  }
  if (facts.features.fmodRet.available) {
    return attach(name, {
      ...shared,
      mechanism: 'fmod_ret',
      target: name,
      degraded: guardDegradation(facts),
      reason: `fmod_ret: ${facts.features.lsm.reason || `there is no LSM hook ${lsmHook}`}`,
    });
  }
  return refused(
    'override-unavailable',
    `Override of ${name} needs BPF LSM or fmod_ret: ${facts.features.lsm.reason}; ${facts.features.fmodRet.reason}`,
    'Boot with lsm=...,bpf, or use Sigkill.',
  );
}

/** The return of a function whose entry is seen by lsm or fmod_ret: the same for all policies there. */
function returnOf(name: string, facts: KernelFacts): AttachPoint['returns'] {
  if (facts.features.fentry.available && name in facts.functions) return { mechanism: 'fexit', target: name };
  return facts.features.kprobe.available ? { mechanism: 'kretprobe', target: name } : undefined;
}

function planLsm(policy: Policy, hook: HookSpec, facts: KernelFacts): AttachDecision {
  const name = `security_${hook.target}`;
  const prototype = facts.functions[`bpf_lsm_${hook.target}`] ?? facts.functions[name];
  if (prototype === undefined) {
    const hooks = Object.keys(facts.functions)
      .filter((candidate) => candidate.startsWith('bpf_lsm_'))
      .map((candidate) => candidate.slice('bpf_lsm_'.length));
    return refused('unknown-lsm-hook', `The kernel has no LSM hook "${hook.target}"`, nearest(hook.target, hooks));
  }
  const enforcement = enforcementOf(policy, hook);
  if (facts.features.lsm.available && `bpf_lsm_${hook.target}` in facts.functions) {
    return attach(hook.target, {
      mechanism: 'lsm',
      target: hook.target,
      syscall: false,
      returns: returnOf(name, facts),
      degraded: [],
      reason: 'lsm: BPF LSM is active',
    });
  }
  if (enforcement === 'override') {
    const decision = planSecurityEnforcement(hook.target, prototype, enforcement, facts);
    if (decision !== undefined) return renamed(decision, hook.target);
  }
  const observed = planFunction(policy, { ...hook, kind: 'kprobe', target: name, selectors: [] }, facts);
  if (observed.kind === 'refused')
    return refused(observed.code, `${facts.features.lsm.reason}; ${observed.reason}`, 'Boot with lsm=...,bpf.');
  const note = `${facts.features.lsm.reason}: attached to ${name}, which also runs when another LSM refuses`;
  return {
    ...observed,
    functionName: hook.target,
    attach: {
      ...observed.attach,
      degraded: [...observed.attach.degraded, note],
    },
  };
}

function renamed(decision: AttachDecision, functionName: string): AttachDecision {
  return decision.kind === 'attach' ? { ...decision, functionName } : decision;
}

function planTracepoint(hook: HookSpec, facts: KernelFacts): AttachDecision {
  if (!facts.features.tracepoint.available) {
    return refused(
      'hook-unavailable',
      `Tracepoints are not available: ${facts.features.tracepoint.reason}`,
      'Set raw: true.',
    );
  }
  if (!(hook.target in facts.tracepoints)) {
    return refused(
      'unknown-tracepoint',
      `The kernel has no tracepoint "${hook.target}"`,
      nearest(hook.target, Object.keys(facts.tracepoints)),
    );
  }
  if (
    parametersOfFields(hook, facts) !== undefined &&
    facts.features.rawTracepoint.available &&
    !skipsOtherTasks(facts)
  ) {
    return attach('', {
      mechanism: 'raw_tracepoint',
      target: hook.target.slice(hook.target.indexOf('/') + 1),
      syscall: false,
      returns: undefined,
      degraded: [],
      reason: 'raw tracepoint: has the fields that the policy names, without the record',
    });
  }
  return attach('', {
    mechanism: 'tracepoint',
    target: hook.target,
    syscall: false,
    returns: undefined,
    degraded: [],
    reason: 'tracepoint: named by the policy',
  });
}

/** Fields of a tracepoint that are parameters of its raw tracepoint: by name of the field, the parameter. */
const rawParameters: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'raw_syscalls/sys_enter': { id: 1 },
  'raw_syscalls/sys_exit': { ret: 1 },
};

/**
 * For each argument of a tracepoint policy the parameter of the raw tracepoint; undefined when one has none. These
 * events happen at every system call, and their records cost more than everything else there.
 */
export function parametersOfFields(hook: HookSpec, facts: KernelFacts): number[] | undefined {
  const known = rawParameters[hook.target];
  const event = hook.target.slice(hook.target.indexOf('/') + 1);
  if (known === undefined || facts.rawTracepoints[event] === undefined) return undefined;
  const parameters = hook.args.map(({ index }) => known[facts.tracepoints[hook.target]?.fields[index]?.name ?? '']);
  return parameters.every((parameter) => parameter !== undefined) ? parameters : undefined;
}

function planRawTracepoint(hook: HookSpec, facts: KernelFacts): AttachDecision {
  const event = hook.target.slice(hook.target.indexOf('/') + 1);
  if (!facts.features.rawTracepoint.available) {
    return refused(
      'hook-unavailable',
      `Raw tracepoints are not available: ${facts.features.rawTracepoint.reason}`,
      'Leave out raw: true.',
    );
  }
  const prototype = facts.rawTracepoints[event];
  if (prototype === undefined) {
    return refused(
      'unknown-tracepoint',
      `The kernel has no raw tracepoint "${event}"`,
      nearest(event, Object.keys(facts.rawTracepoints)),
    );
  }
  return attach('', {
    mechanism: 'raw_tracepoint',
    target: event,
    syscall: false,
    returns: undefined,
    degraded: [],
    reason: 'raw tracepoint: named by the policy',
  });
}

function attach(functionName: string, point: AttachPoint): AttachDecision {
  return { kind: 'attach', functionName, attach: point };
}

/** "Did you mean" over names of the kernel: those that share most three-letter pieces. */
function nearest(name: string, candidates: readonly string[]): string {
  const pieces = piecesOf(name);
  let best = '';
  let bestScore = 0.6;
  for (const candidate of candidates) {
    const other = piecesOf(candidate);
    let shared = 0;
    for (const piece of pieces) if (other.has(piece)) shared++;
    const score = (2 * shared) / (pieces.size + other.size);
    if (score > bestScore) {
      bestScore = score;
      best = candidate;
    }
  }
  return best === '' ? '' : `Did you mean "${best}"?`;
}

function piecesOf(name: string): Set<string> {
  const pieces = new Set<string>();
  for (let at = 0; at + 3 <= name.length; at++) pieces.add(name.slice(at, at + 3));
  return pieces;
}
