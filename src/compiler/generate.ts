import { FunctionBuilder, type Label, R0, R1, R2, R3, R6, R7, R8 } from '../ebpf/function-builder.ts';
import type { BuiltFunction } from '../ebpf/instruction.ts';
import { frame } from '../events/wire.ts';
import { atomBits, emitClearBits, emitJumpUnlessSet, matchBits, wordCount } from './bit-words.ts';
import { emitEffect, joinEffects, noEffect, selectorEffect } from './effects.ts';
import { emitGuard, guardWeight } from './emit-guard.ts';
import { candidatesWeight, emitCandidates, emitEnsureRead } from './emit-selectors.ts';
import { emitTrees, treeWeight } from './emit-tree.ts';
import { alignmentOf, emitRead } from './emit-value.ts';
import { type HookCode, readerName } from './hook-code.ts';
import { type HookPlan, type PlanValue, wantPost, wantReturn } from './hook-plan.ts';
import type { KernelFacts } from './kernel-facts.ts';
import { longestFunction, longestPart } from './outline.ts';
import { collectTrees, eagerValues } from './value-trees.ts';

export interface GeneratedHook {
  readonly program: BuiltFunction;
  /** Readers of values that not every run needs, and parts of a program that is too long; two parameters: frame and context. */
  readonly functions: readonly BuiltFunction[];
}

export interface GenerateOptions {
  /** See `HookCode.given`. */
  readonly given?: boolean;
  /** For tests: divides the program into functions of about so many instructions, whatever its length. */
  readonly longestPart?: number;
}

/**
 * Writes the program of one hook plan.
 *
 * 1. guard: let the call pass when nothing can match
 * 2. claim a frame
 * 3. read each value whose trees propose selectors, cheapest first, and evaluate the trees
 * 4. try the selectors that trees proposed but did not decide
 * 5. nothing matched: release the frame, let the call pass
 * 6. send signals, put the record together and send it
 * 7. release the frame, refuse or let pass
 */
export function generateHook(plan: HookPlan, facts: KernelFacts, options: GenerateOptions = {}): GeneratedHook {
  const hook = hookCodeOf(plan, facts, options);
  const fits = options.longestPart === undefined && programWeight(hook) <= longestFunction;
  const outlined = { functions: [], longest: options.longestPart ?? longestPart };
  const [program, ...functions] = generateFunctions(fits ? hook : { ...hook, outlined });
  if (functions.length > mostFunctions) {
    throw new Error(
      `All policies on ${plan.key} together need ${functions.length} functions; ${mostFunctions} fit a program: load fewer policies on this hook`,
    );
  }
  return { program: program!.build(), functions: functions.map((code) => code.build()) };
}

/** A kernel takes 256 for a program; the others are left to the runtime. */
const mostFunctions = 216;

/** Estimated instructions of the program, rather too many, without what does not grow with the policies. */
function programWeight(hook: HookCode): number {
  const trees = [...hook.trees.values()].reduce((sum, tree) => sum + treeWeight(tree), 0);
  return guardWeight(hook) + trees + candidatesWeight(hook);
}

/** What the generator derives from a plan before it writes anything. */
export function hookCodeOf(plan: HookPlan, facts: KernelFacts, options: GenerateOptions = {}): HookCode {
  return {
    plan,
    facts,
    trees: collectTrees(plan),
    eager: eagerValues(plan),
    given: options.given === true,
    outlined: undefined,
  };
}

/** The program first. */
function generateFunctions(hook: HookCode): FunctionBuilder[] {
  const readers = hook.plan.values.filter((value) => !hook.eager.has(value.id));
  const program = generateProgram(hook);
  return [program, ...readers.map((value) => generateReader(hook, value)), ...(hook.outlined?.functions ?? [])];
}

function generateProgram(hook: HookCode): FunctionBuilder {
  const { plan } = hook;
  const code = new FunctionBuilder(programName(plan));
  const pass = code.newLabel('pass');
  const release = code.newLabel('release');
  code.movReg(R6, R1);
  emitGuard(code, hook, pass);
  code.line(undefined);
  emitClaim(code, hook, pass);
  emitAlways(code, hook);
  for (const value of plan.values) if (hook.eager.has(value.id)) emitEager(code, hook, value);
  emitCandidates(code, hook);
  code.line(undefined);
  code.load(8, R1, R7, frame.at.want).jumpImm('eq', R1, 0, release);
  emitSignals(code, plan);
  emitRecord(code, hook);
  code.line(undefined);
  emitClearMatches(code, plan);
  if (plan.errors.length > 0) {
    emitRelease(code, hook);
    emitVerdict(code, plan);
    /* A frame is let go once: somebody else may have it already. */
    code.jump(pass);
  }
  code.place(release);
  emitRelease(code, hook);
  code.place(pass);
  code.movImm(R0, 0).exit();
  return code;
}

/** R7 is a frame from here on. A call that finds none passes, but is refused where a policy may refuse. */
function emitClaim(code: FunctionBuilder, hook: HookCode, pass: Label): void {
  const [error] = hook.plan.errors;
  code.callFunction(claimFunction(hook)).movReg(R7, R0);
  if (error === undefined) {
    code.jumpImm('eq', R0, 0, pass);
    return;
  }
  const claimed = code.newLabel('claimed');
  code.jumpImm('ne', R0, 0, claimed);
  code.callFunction('count_refused_unexamined').movImm(R0, error).exit();
  code.place(claimed);
}

function claimFunction(hook: HookCode): string {
  if (holdsCpu(hook)) return 'claim_frame_holding_cpu';
  return hook.facts.features.atomicFetch.available ? 'claim_frame' : 'claim_frame_plain';
}

/** Kprobes run with preemption off. The others are not preempted while they have a frame, whatever the kernel's model is then. */
function holdsCpu({ plan, facts }: HookCode): boolean {
  return facts.features.preemptDisable.available && plan.attach.mechanism !== 'kprobe';
}

/** At most 15 characters are kept by the kernel: the start of the hook's name tells most. */
export function programName(plan: HookPlan): string {
  return `j_${plan.attach.target.replace(/[^A-Za-z0-9_]/g, '_')}`;
}

/** Specifications without filters match every call; those that no tree can propose are tried on every call. */
function emitAlways(code: FunctionBuilder, hook: HookCode): void {
  const effects = hook.plan.specs.flatMap((spec) => {
    if (spec.search === 'always') return [selectorEffect(spec.selectors[0]!)];
    return spec.search === 'tried' ? [{ ...noEffect, candidates: [spec.candidate] }] : [];
  });
  emitEffect(code, joinEffects(effects));
}

function emitEager(code: FunctionBuilder, hook: HookCode, value: PlanValue): void {
  const tree = hook.trees.get(value.id);
  code.line(tree?.entries[0]?.test.source);
  emitRead(code, hook, value);
  if (tree !== undefined) emitTrees(code, hook, value, tree);
}

function generateReader(hook: HookCode, value: PlanValue): FunctionBuilder {
  const code = new FunctionBuilder(readerName(value));
  const tree = hook.trees.get(value.id);
  code.line(tree?.entries[0]?.test.source);
  code.movReg(R7, R1).movReg(R6, R2);
  code
    .loadImm(R2, 1n << BigInt(value.id))
    .load(8, R1, R7, frame.at.done)
    .aluReg('or', R1, R2);
  code.store(8, R7, frame.at.done, R1);
  emitRead(code, hook, value);
  if (tree !== undefined) emitTrees(code, hook, value, tree);
  code.movImm(R0, 0).exit();
  return code;
}

/** Before anything that takes time: the first signal that ends the process goes first. */
function emitSignals(code: FunctionBuilder, plan: HookPlan): void {
  const used = plan.specs.reduce(
    (all, spec) => spec.selectors.reduce((bits, { consequence }) => bits | consequence.signals, all),
    0n,
  );
  const kill = 9;
  const order = [kill, ...Array.from({ length: 64 }, (_, index) => index + 1).filter((signal) => signal !== kill)];
  for (const signal of order) {
    const bit = 1n << BigInt(signal - 1);
    if (!(used & bit)) continue;
    const skip = code.newLabel('no_signal');
    emitJumpUnlessSet(code, frame.at.signals, bit, skip);
    code.movImm(R1, signal).callFunction('send_signal_to_caller');
    code.place(skip);
  }
}

function emitRecord(code: FunctionBuilder, hook: HookCode): void {
  const { plan } = hook;
  const wanted = plan.specs.reduce(
    (all, spec) => spec.selectors.reduce((bits, { consequence }) => bits | consequence.want, all),
    0n,
  );
  if (!(wanted & wantPost)) return;
  const skip = code.newLabel('no_record');
  emitJumpUnlessSet(code, frame.at.want, wantPost, skip);
  code.movReg(R1, R7).callFunction('may_report').jumpImm('eq', R0, 0, skip);
  if (wanted & wantReturn) {
    const noReturn = code.newLabel('no_return');
    emitJumpUnlessSet(code, frame.at.want, wantReturn, noReturn);
    code.movReg(R1, R7).loadImm(R2, plan.hookId).callFunction('await_return');
    code.place(noReturn);
  }
  code.movReg(R1, R7).loadImm(R2, plan.planId).movImm(R3, wordCount(plan.selectorCount)).callFunction('begin_record');
  for (const value of plan.values) {
    const bit = 1n << BigInt(value.id);
    if (!(wanted & bit)) continue;
    const next = code.newLabel('no_value');
    emitJumpUnlessSet(code, frame.at.want, bit, next);
    emitEnsureRead(code, hook, value.id);
    code.movReg(R1, R7).movImm(R2, value.id).callFunction(emitterFunction(value));
    code.place(next);
  }
  code.movReg(R1, R7).callFunction('end_record');
  code.place(skip);
}

function emitterFunction(value: PlanValue): string {
  const alignment = alignmentOf(value);
  if (alignment === 'right' || value.type === 'char_buf') return 'emit_file';
  return value.slot >= 0 ? 'emit_string' : 'emit_number';
}

/** What only a match sets; R8 keeps the refusals. */
function emitClearMatches(code: FunctionBuilder, plan: HookPlan): void {
  if (plan.errors.length > 0) code.load(8, R8, R7, frame.at.refusals);
  emitClearBits(code, matchBits, plan.selectorCount);
  for (const field of ['want', 'signals', 'refusals', 'call_id'] as const) code.storeImm(8, R7, frame.at[field], 0);
}

/** Leaves the frame as the next run expects it. */
function emitRelease(code: FunctionBuilder, hook: HookCode): void {
  const { plan, eager } = hook;
  emitClearBits(code, atomBits, plan.atomCount);
  if (plan.values.some((value) => !eager.has(value.id))) code.storeImm(8, R7, frame.at.done, 0);
  code.storeImm(4, R7, frame.at.busy, 0);
  if (holdsCpu(hook)) code.callFunction('let_preempt');
}

/** The first error in the order of the policies refuses the call. */
function emitVerdict(code: FunctionBuilder, plan: HookPlan): void {
  for (const [bit, error] of plan.errors.entries()) {
    const next = code.newLabel('verdict');
    const refuse = code.newLabel('refuse');
    if (bit < 31) code.jumpImm('set', R8, 1 << bit, refuse);
    else code.loadImm64(R1, 1n << BigInt(bit)).jumpReg('set', R8, R1, refuse);
    code.jump(next).place(refuse);
    code.movImm(R0, error).exit();
    code.place(next);
  }
}

/** The program that reports the return value of calls that an entry program matched. */
export function generateReturn(plan: HookPlan, facts: KernelFacts): BuiltFunction {
  const { returns } = plan.attach;
  if (returns === undefined) throw new Error(`${plan.key} has no return`);
  const code = new FunctionBuilder(`r_${plan.attach.target.replace(/[^A-Za-z0-9_]/g, '_')}`);
  if (returns.mechanism === 'fexit') code.load(8, R2, R1, 8 * parameterCountOf(returns.target, facts));
  else if (returns.mechanism === 'tracepoint') code.load(8, R2, R1, 16);
  else code.load(8, R2, R1, facts.machine === 'x86_64' ? facts.ptRegs['ax']! : (facts.ptRegs['regs'] ?? 0));
  code.loadImm(R1, plan.hookId).callFunction('report_return').movImm(R0, 0).exit();
  return code.build();
}

/** fexit finds the return value behind the parameters. */
function parameterCountOf(target: string, facts: KernelFacts): number {
  const prototype = facts.functions[target];
  if (prototype === undefined) throw new Error(`the facts have no function ${target}`);
  return prototype.parameters.length;
}
