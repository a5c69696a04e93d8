import type { KernelFacts } from '../../compiler/kernel-facts.ts';
import type { HookSpec, Policy } from '../../policy/model.ts';
import type { FactsFile } from './print-facts.ts';

/** Names to keep of a kernel's facts. */
export interface FactsSelection {
  readonly functions: ReadonlySet<string>;
  /** `subsystem/event`. */
  readonly tracepoints: ReadonlySet<string>;
  readonly rawTracepoints: ReadonlySet<string>;
  /** Undefined keeps all: they are few. */
  readonly syscalls: ReadonlySet<string> | undefined;
}

const syscallPrefixes = ['__x64_sys_', '__arm64_sys_'];

/** Every name that `resolvePolicy` may ask a kernel for on behalf of these policies, for any way to attach. */
export function selectionFor(policies: readonly Policy[]): FactsSelection {
  const selection = {
    functions: new Set<string>(),
    tracepoints: new Set<string>(),
    rawTracepoints: new Set<string>(),
    syscalls: new Set<string>(),
  };
  for (const hook of policies.flatMap((policy) => policy.hooks)) addHook(hook, selection);
  return selection;
}

type Sets = { readonly [Kind in keyof FactsSelection]: Set<string> };

function addHook(hook: HookSpec, { functions, tracepoints, rawTracepoints, syscalls }: Sets): void {
  switch (hook.kind) {
    case 'kprobe':
    case 'fentry': {
      if (!hook.syscall) {
        functions.add(hook.target);
        if (hook.target.startsWith('security_')) functions.add(hook.target.replace('security_', 'bpf_lsm_'));
        return;
      }
      const bare = hook.target.replace(/^sys_/, '');
      for (const prefix of syscallPrefixes) functions.add(prefix + bare);
      tracepoints.add(`syscalls/sys_enter_${bare}`).add(`syscalls/sys_exit_${bare}`);
      syscalls.add(bare);
      return;
    }
    case 'lsm':
      functions.add(`security_${hook.target}`).add(`bpf_lsm_${hook.target}`);
      return;
    case 'tracepoint':
      tracepoints.add(hook.target);
      /* It may be attached by the raw one. */
      rawTracepoints.add(hook.target.slice(hook.target.indexOf('/') + 1));
      return;
    case 'rawTracepoint':
      rawTracepoints.add(hook.target.slice(hook.target.indexOf('/') + 1));
      return;
    default:
      hook.kind satisfies never;
  }
}

/** The facts with only the selected names; what the kernel does not have is left out. */
export function selectFacts(facts: KernelFacts, selection: FactsSelection): FactsFile {
  return {
    ...facts,
    partial: true,
    syscalls: selection.syscalls === undefined ? facts.syscalls : pick(facts.syscalls, selection.syscalls),
    functions: pick(facts.functions, selection.functions),
    rawTracepoints: pick(facts.rawTracepoints, selection.rawTracepoints),
    tracepoints: pick(facts.tracepoints, selection.tracepoints),
  };
}

function pick<Value>(record: Readonly<Record<string, Value>>, names: ReadonlySet<string>): Record<string, Value> {
  return Object.fromEntries([...names].sort().flatMap((name) => (name in record ? [[name, record[name]!]] : [])));
}
