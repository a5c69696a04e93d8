import { type AttachDecision, planAttach } from '../../compiler/attach-planner.ts';
import type { FeatureFact, KernelFacts, KernelFeature } from '../../compiler/kernel-facts.ts';
import type { Action, HookKind, HookSpec, Policy, Selector } from '../../policy/model.ts';

/** What policies can do on a kernel. */
export interface Ability {
  readonly what: string;
  readonly works: boolean;
  /** Of libbpf; empty when it does not work. */
  readonly mechanism: string;
  /** Why not, or why by this mechanism. */
  readonly reason: string;
  /** Features without which it does not work. */
  readonly lacks: readonly KernelFeature[];
  /** The nearest alternative when it does not work; may be empty. */
  readonly alternative: string;
  /** What is weaker than it should be. */
  readonly degraded: readonly string[];
}

/** Answers by planning one hook of each sort, so that it cannot differ from what the compiler would do. */
export function policyAbilities(kernel: KernelFacts): Ability[] {
  const facts = withSampleTargets(kernel);
  return [
    processEvents(facts),
    loaderEvents(facts),
    ...samples.map(({ what, needs, ...sample }) => {
      const missing = needs?.find((feature) => !facts.features[feature].available);
      if (missing !== undefined) return unavailable(facts, what, facts.features[missing].reason);
      return toAbility(facts, what, planAttach(samplePolicy, sampleHook(sample), facts), sample.returns === true);
    }),
  ];
}

interface Sample {
  readonly kind: HookKind;
  readonly target: string;
  readonly syscall?: boolean;
  readonly returns?: boolean;
  readonly action?: Action;
}

const position = { line: 0, column: 0 };
const kill: Action = { kind: 'Sigkill', position };
const refuse: Action = { kind: 'Override', error: -1, position };

const samples: readonly (Sample & { readonly what: string; readonly needs?: readonly KernelFeature[] })[] = [
  { what: 'kprobes and fentries on functions', needs: ['btf'], kind: 'kprobe', target: 'tcp_connect' },
  { what: 'return values of functions', needs: ['btf'], kind: 'kprobe', target: 'tcp_connect', returns: true },
  { what: 'kprobes on system calls', kind: 'kprobe', target: 'sys_openat', syscall: true },
  { what: 'return values of system calls', kind: 'kprobe', target: 'sys_openat', syscall: true, returns: true },
  { what: 'lsmhooks', needs: ['btf'], kind: 'lsm', target: 'file_open' },
  { what: 'tracepoints', kind: 'tracepoint', target: 'sched/sched_process_exec' },
  { what: 'tracepoints with raw: true', needs: ['btf'], kind: 'rawTracepoint', target: 'sched/sched_process_exec' },
  {
    what: 'Sigkill and Signal in security_* functions',
    needs: ['btf', 'sendSignal'],
    kind: 'kprobe',
    target: 'security_file_open',
    action: kill,
  },
  {
    what: 'Sigkill and Signal in system calls',
    needs: ['sendSignal'],
    kind: 'kprobe',
    target: 'sys_openat',
    syscall: true,
    action: kill,
  },
  { what: 'Override in lsmhooks', needs: ['btf'], kind: 'lsm', target: 'file_open', action: refuse },
  {
    what: 'Override in security_* functions',
    needs: ['btf'],
    kind: 'kprobe',
    target: 'security_file_open',
    action: refuse,
  },
  { what: 'Override in system calls', kind: 'kprobe', target: 'sys_openat', syscall: true, action: refuse },
];

const returnsInt = { parameters: [], returns: { type: 'int', size: 4, signed: true } };

/** The hooks of the samples are in every kernel since 5.8: a file with part of the facts need not name them. */
function withSampleTargets(facts: KernelFacts): KernelFacts {
  const syscalls = ['__x64_sys_openat', '__arm64_sys_openat'].filter((name) => name in facts.functions);
  const functions = ['tcp_connect', 'security_file_open', 'bpf_lsm_file_open', ...syscalls];
  return {
    ...facts,
    syscalls: { openat: 0 },
    functions: Object.fromEntries(functions.map((name) => [name, returnsInt])),
    tracepoints: { 'sched/sched_process_exec': { id: 0, fields: [] } },
    rawTracepoints: { sched_process_exec: returnsInt },
  };
}

const samplePolicy: Policy = {
  file: '',
  kind: 'TracingPolicy',
  name: 'probe',
  namespace: undefined,
  mode: 'enforce',
  annotations: { severity: undefined, mitreTechniques: [] },
  hooks: [],
  position,
};

function sampleHook({ kind, target, syscall = false, returns = false, action }: Sample): HookSpec {
  const selector: Selector = {
    label: '',
    matchArgs: [],
    matchReturnArgs: [],
    matchPIDs: [],
    matchBinaries: [],
    matchNamespaces: [],
    matchCapabilities: [],
    actions: [action ?? { kind: 'Post', position }],
    position,
  };
  const returnArg = { index: 0, type: 'sint32', spelledType: 'int', label: '', position } as const;
  return {
    kind,
    target,
    syscall,
    args: [],
    returnArg: returns ? returnArg : undefined,
    selectors: [selector],
    message: '',
    tags: [],
    ignoreCallNotFound: false,
    position,
  };
}

function toAbility(facts: KernelFacts, what: string, decision: AttachDecision, ofReturn: boolean): Ability {
  if (decision.kind === 'refused') return unavailable(facts, what, decision.reason, decision.hint);
  const { mechanism, returns, reason, degraded } = decision.attach;
  if (ofReturn && returns === undefined) return unavailable(facts, what, `${mechanism} does not see them`);
  const seenBy = ofReturn ? returns!.mechanism : mechanism;
  return { what, works: true, mechanism: seenBy, reason, lacks: [], alternative: '', degraded };
}

function unavailable(facts: KernelFacts, what: string, reason: string, alternative = ''): Ability {
  const features = Object.entries(facts.features) as [KernelFeature, FeatureFact][];
  /* The reason of a refusal quotes the features it is about. */
  const lacks = features
    .filter(([, fact]) => !fact.available && reason.includes(fact.reason))
    .map(([feature]) => feature);
  return { what, works: false, mechanism: '', reason, lacks, alternative, degraded: [] };
}

function loaderEvents(facts: KernelFacts): Ability {
  const what = 'loader: files that are mapped to be executed';
  const missing = (['kprobe', 'buildId'] as const).find((feature) => !facts.features[feature].available);
  if (missing !== undefined) return unavailable(facts, what, facts.features[missing].reason);
  return { what, works: true, mechanism: 'kprobe', reason: '', lacks: [], alternative: '', degraded: [] };
}

/** The sensors that are always on. */
function processEvents(facts: KernelFacts): Ability {
  const what = 'process events: exec, fork, exit';
  const needed = ['btf', 'ringBuffer', 'rawTracepoint'] as const;
  const missing = needed.find((feature) => !facts.features[feature].available);
  if (missing !== undefined) return unavailable(facts, what, facts.features[missing].reason);
  return {
    what,
    works: true,
    mechanism: 'raw_tracepoint',
    reason: 'always on',
    lacks: [],
    alternative: '',
    degraded: [],
  };
}
