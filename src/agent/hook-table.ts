import { type CompiledHook, returnSectionOf, sectionOf } from '../compiler/compile.ts';
import { generationSlots } from '../compiler/dispatcher.ts';
import type { HookPlan } from '../compiler/hook-plan.ts';
import { weighPolicies } from '../cost/policy-weights.ts';
import { BPF_F_MMAPABLE, BpfMap, type MapDefinition } from '../kernel/bpf-map.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { removePins } from '../kernel/pins.ts';
import type { ProgramStats } from '../kernel/program-stats.ts';
import type { Policy } from '../policy/model.ts';
import { AttachedHook } from './attached-hook.ts';
import { HookProgram } from './hook-program.ts';
import type { HookEntry, PolicyEntry, ProgramEntry } from './hooks-file.ts';
import type { KeptHooks } from './kept-hooks.ts';
import type { SharedMaps } from './shared-maps.ts';

/** One attach point of the active generation. */
export interface LiveHook {
  readonly plan: HookPlan;
  readonly entry: HookProgram;
  readonly returns: HookProgram | undefined;
  /** How much of the program each policy accounts for. */
  readonly weights: ReadonlyMap<Policy, number>;
}

/** Programs of the next generation: loaded, not running yet. Unchanged hooks are taken over from the active one. */
export type NextGeneration = ReadonlyMap<string, LiveHook>;

const generationMap: MapDefinition = {
  type: 'array',
  name: 'generation',
  keySize: 4,
  valueSize: 4,
  maxEntries: 1,
  flags: BPF_F_MMAPABLE,
};

/**
 * The hooks of the active generation, and the switch to the next: programs of all hooks are loaded and put into the
 * free slot of their dispatchers, then one store of the generation's number makes them run, everywhere at once.
 */
export class HookTable {
  readonly #maps: SharedMaps;
  readonly #runtime: Uint8Array;
  readonly #generation: BpfMap;
  readonly #active: Uint32Array;
  /** By place: the key of a plan, and another for its return. Two plans may share a section of the kernel. */
  readonly #attached = new Map<string, AttachedHook>();
  readonly #kept: KeptHooks | undefined;
  readonly #transient = new Set<string>();
  #live: ReadonlyMap<string, LiveHook> = new Map();

  /** With `kept`, hooks outlive this process, and those an earlier agent left run its policies until the first switch. */
  constructor(maps: SharedMaps, runtime: Uint8Array, kept?: KeptHooks) {
    this.#maps = maps;
    this.#runtime = runtime;
    this.#kept = kept;
    this.#generation = kept === undefined ? BpfMap.create(generationMap) : kept.generation(generationMap);
    this.#active = new Uint32Array(this.#generation.mmap(), 0, 1);
    for (const [place, folder] of kept?.places() ?? []) this.#attached.set(place, AttachedHook.adopt(folder));
  }

  get live(): ReadonlyMap<string, LiveHook> {
    return this.#live;
  }

  /** Links and loads the programs of a compiled hook. Throws a KernelError; nothing is changed then. */
  load(compiled: CompiledHook): LiveHook {
    const entry = new HookProgram(compiled.entry, this.#runtime, this.#maps);
    try {
      const returns = compiled.returns && new HookProgram(compiled.returns, this.#runtime, this.#maps);
      return { plan: compiled.plan, entry, returns, weights: weighPolicies(compiled) };
    } catch (error) {
      entry.close();
      throw error;
    }
  }

  /**
   * Loads the dispatcher of a hook if it is new, and attaches it, so that a switch cannot fail any more. Until the
   * switch it lets every call pass. Throws a KernelError.
   */
  attach(plan: HookPlan, withReturn: boolean): void {
    /* The return first: a call that enters in between must find it. */
    const returnSection = withReturn ? returnSectionOf(plan.attach) : undefined;
    if (returnSection !== undefined) this.#attachPlace(returnPlace(plan.key), returnSection);
    this.#attachPlace(plan.key, sectionOf(plan.attach));
  }

  #attachPlace(place: string, section: string): void {
    if (this.#attached.has(place)) return;
    const hook = AttachedHook.load(section, this.#generation);
    try {
      hook.attach();
      this.#keep(place, hook);
    } catch (error) {
      hook.close();
      throw error;
    }
    this.#attached.set(place, hook);
  }

  /** A perf event cannot be pinned before Linux 5.15. */
  #keep(place: string, hook: AttachedHook): void {
    if (this.#kept === undefined) return;
    const { unfinished, folder } = this.#kept.newPlace(place);
    try {
      hook.keep(unfinished, folder);
    } catch (error) {
      removePins(unfinished, ['link']);
      if (!(error instanceof KernelError && error.errnoName === 'EINVAL')) throw error;
      this.#transient.add(place);
    }
  }

  /** Places whose hooks end with this process though they should be kept, because this kernel cannot pin their links. */
  get transient(): ReadonlySet<string> {
    return this.#transient;
  }

  /** Makes `next` the active generation, detaches what it does not use and frees the programs it replaced. */
  switchTo(next: NextGeneration): void {
    const slot = (Atomics.load(this.#active, 0) + 1) % generationSlots;
    const programs = programsByPlace(next);
    for (const [place, hook] of this.#attached) {
      const program = programs.get(place);
      if (program !== undefined) hook.setProgram(slot, program.fd);
    }
    this.#removeStale(programs, slot);
    Atomics.store(this.#active, 0, slot);
    this.#settle(programs);
    const previous = this.#live;
    this.#live = next;
    for (const [key, hook] of previous) if (next.get(key) !== hook) closeHook(hook, next.get(key));
  }

  /** A hook that stays attached for a moment without a program must not run one of an older generation. */
  #removeStale(programs: ReadonlyMap<string, HookProgram>, slot: number): void {
    for (const [place, hook] of this.#attached) if (!programs.has(place)) hook.clearProgram(slot);
  }

  /** A run that read the old number just before the switch finds the new program there too, never an empty slot. */
  #settle(programs: ReadonlyMap<string, HookProgram>): void {
    for (const [place, hook] of this.#attached) {
      const program = programs.get(place);
      if (program !== undefined) {
        hook.setEveryProgram(program.fd);
      } else {
        hook.close();
        this.#attached.delete(place);
        this.#transient.delete(place);
      }
    }
  }

  /** The attached programs and the policies behind them. */
  describe(): HookEntry[] {
    return [...this.#live].map(([key, { plan, returns, weights }]) => ({
      ...this.#describePlace(key, plan.specs[0]!.resolved.functionName || plan.attach.target, sectionOf(plan.attach)),
      ...(returns === undefined
        ? {}
        : { returns: this.#describePlace(returnPlace(key), 'return', returnSectionOf(plan.attach)!) }),
      policies: [...weights].map(([policy, weight]) => describePolicy(plan, policy, weight)),
    }));
  }

  #describePlace(place: string, name: string, section: string): ProgramEntry {
    return { name, section, programId: this.#attached.get(place)!.programId };
  }

  /** What the kernel counted of every attached program, by its number. */
  stats(): Map<number, ProgramStats> {
    const stats = [...this.#attached.values()].map((hook) => hook.stats());
    return new Map(stats.map((found) => [found.id, found]));
  }

  /** Calls that the kernel let pass without asking, by place. */
  missedRuns(): [place: string, count: number][] {
    return [...this.#attached].map(([place, hook]) => [place, hook.missedRuns()]);
  }

  /** Detaches everything but what is kept. */
  close(): void {
    for (const hook of this.#attached.values()) hook.letGo();
    this.#attached.clear();
    for (const hook of this.#live.values()) closeHook(hook, undefined);
    this.#live = new Map();
    this.#generation.close();
  }
}

function describePolicy(plan: HookPlan, policy: Policy, weight: number): PolicyEntry {
  const { name, namespace, mode } = policy;
  const seesReturn = plan.specs.some(
    ({ resolved }) => resolved.policy === policy && resolved.hook.returnArg !== undefined,
  );
  return { name, ...(namespace === undefined ? {} : { namespace }), mode, seesReturn, weight };
}

function programsByPlace(hooks: NextGeneration): Map<string, HookProgram> {
  const programs = new Map<string, HookProgram>();
  for (const [key, { entry, returns }] of hooks) {
    programs.set(key, entry);
    if (returns !== undefined) programs.set(returnPlace(key), returns);
  }
  return programs;
}

function returnPlace(key: string): string {
  return `${key} return`;
}

function closeHook(hook: LiveHook, successor: LiveHook | undefined): void {
  if (hook.entry !== successor?.entry) hook.entry.close();
  if (hook.returns !== undefined && hook.returns !== successor?.returns) hook.returns.close();
}
