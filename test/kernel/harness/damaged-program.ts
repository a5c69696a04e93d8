import { HookProgram } from '../../../src/agent/hook-program.ts';
import { SharedMaps } from '../../../src/agent/shared-maps.ts';
import { readObjects } from '../../../src/cli/policies/object-files.ts';
import { type CompiledProgram, compileHook } from '../../../src/compiler/compile.ts';
import type { KernelFacts } from '../../../src/compiler/kernel-facts.ts';
import { planHook } from '../../../src/compiler/plan.ts';
import { resolvePolicy } from '../../../src/compiler/resolve.ts';
import { BtfFile } from '../../../src/ebpf/btf-reader.ts';
import { readElfSection } from '../../../src/ebpf/elf-reader.ts';
import { KernelError } from '../../../src/kernel/kernel-error.ts';
import { checkPolicies } from '../../../src/policy/check.ts';

const instructionBytes = 8;
/** `r0 = *(u64 *)(r5 + 0)`: no program may read through R5 after a call, nor through what is not a pointer. */
const refusedInstruction = Uint8Array.of(0x79, 0x50, 0, 0, 0, 0, 0, 0);

/**
 * Compiles a policy with one hook, damages an instruction that came from a line of it, and loads it as the agent would.
 * Returns the error. Throws when the kernel accepts the program.
 */
export function loadDamaged(text: string, file: string, facts: KernelFacts, line: number): KernelError {
  const { runtime } = readObjects(facts);
  const program = compileOneHook(text, file, facts, BtfFile.parse(readElfSection(runtime, '.BTF')!));
  damage(program, line);
  using maps = new SharedMaps({ ringSize: 4096 });
  try {
    new HookProgram(program, runtime, maps).close();
  } catch (error) {
    if (error instanceof KernelError) return error;
    throw error;
  }
  throw new Error('the verifier accepted a program that reads through a register without a pointer');
}

function compileOneHook(text: string, file: string, facts: KernelFacts, runtime: BtfFile): CompiledProgram {
  const [policy] = checkPolicies(text, file).policies;
  const { hooks, diagnostics } = resolvePolicy(policy!, facts);
  const [hook] = hooks;
  if (hook === undefined) throw new Error(`the policy has no hook here: ${JSON.stringify(diagnostics)}`);
  const { plan } = planHook({
    attach: hook.attach,
    hooks: [hook],
    planId: 1,
    hookId: 1,
    hostNamespaces: facts.hostNamespaces,
    sourceText: (_file, line) => text.split('\n')[line - 1] ?? '',
  });
  return compileHook(plan!, facts, runtime).entry;
}

/** Overwrites, in the object, the first plain instruction of the program that came from the line. */
function damage({ object, section, functions }: CompiledProgram, line: number): void {
  const code = readElfSection(object, section)!;
  const { instructions } = functions[0]!;
  const at = instructions.findIndex(({ source, relocation }) => source?.line === line && relocation === undefined);
  if (at < 0) throw new Error(`no instruction of the program came from line ${line}`);
  code.set(refusedInstruction, at * instructionBytes);
}
