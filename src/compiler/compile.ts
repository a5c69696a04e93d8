import type { BtfFile } from '../ebpf/btf-reader.ts';
import { externFrom } from '../ebpf/extern-prototype.ts';
import type { BuiltFunction } from '../ebpf/instruction.ts';
import { writeObject } from '../ebpf/object-writer.ts';
import { type GenerateOptions, generateHook, generateReturn } from './generate.ts';
import type { AttachPoint, HookPlan } from './hook-plan.ts';
import type { KernelFacts } from './kernel-facts.ts';

export interface CompiledProgram {
  /** Of libbpf: `fentry/security_file_open`. */
  readonly section: string;
  readonly name: string;
  /** Relocatable object, to be linked with the runtime. */
  readonly object: Uint8Array;
  readonly functions: readonly BuiltFunction[];
  /** Functions of the runtime that it calls. */
  readonly externs: readonly string[];
}

export interface CompiledHook {
  readonly plan: HookPlan;
  readonly entry: CompiledProgram;
  readonly returns: CompiledProgram | undefined;
}

/**
 * Compiles one hook plan. `runtime` is the type information of the runtime object, which says how the functions that
 * programs call are declared. The same input gives the same bytes on every machine.
 */
export function compileHook(
  plan: HookPlan,
  facts: KernelFacts,
  runtime: BtfFile,
  options: GenerateOptions & { readonly section?: string } = {},
): CompiledHook {
  const { program, functions } = generateHook(plan, facts, options);
  const entry = assemble(options.section ?? sectionOf(plan.attach), program, functions, runtime);
  const needsReturn = plan.events.selectors.some((selector) => selector.hook.returnArg !== undefined);
  if (!needsReturn || plan.attach.returns === undefined) return { plan, entry, returns: undefined };
  const returns = assemble(returnSectionOf(plan.attach)!, generateReturn(plan, facts), [], runtime);
  return { plan, entry, returns };
}

function assemble(
  section: string,
  program: BuiltFunction,
  functions: readonly BuiltFunction[],
  runtime: BtfFile,
): CompiledProgram {
  const local = new Set(functions.map(({ name }) => name));
  const called = new Set<string>();
  for (const { relocations } of [program, ...functions]) {
    for (const { kind, symbol } of relocations.values()) if (kind === 'call' && !local.has(symbol)) called.add(symbol);
  }
  const externs = [...called].sort().map((name) => {
    const extern = externFrom(runtime, name);
    if (extern === undefined) throw new Error(`the runtime has no function ${name}`);
    return extern;
  });
  const object = writeObject({
    license: 'Dual BSD/GPL',
    defaultSource: 'jatai',
    programs: [{ section, function: program }],
    functions: functions.map((code) => ({ function: code, parameterCount: 2 })),
    externs,
    maps: [],
  });
  return { section, name: program.name, object, functions: [program, ...functions], externs: [...called].sort() };
}

export function sectionOf(attach: AttachPoint): string {
  switch (attach.mechanism) {
    case 'syscall_tracepoint':
    case 'tracepoint':
      return `tp/${attach.target}`;
    case 'raw_tracepoint':
      return `raw_tp/${attach.target}`;
    default:
      return `${attach.mechanism}/${attach.target}`;
  }
}

export function returnSectionOf(attach: AttachPoint): string | undefined {
  if (attach.returns === undefined) return undefined;
  const { mechanism, target } = attach.returns;
  return mechanism === 'tracepoint' ? `tp/${target}` : `${mechanism}/${target}`;
}
