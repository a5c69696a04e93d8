import type { CompiledProgram } from '../compiler/compile.ts';
import { keepCoreRelocations } from '../ebpf/core-relocations.ts';
import type { SourceLine } from '../ebpf/instruction.ts';
import { BpfObject } from '../kernel/bpf-object.ts';
import { linkObjects } from '../kernel/linker.ts';
import { programMemoryBytes } from '../kernel/program-info.ts';
import type { SharedMaps } from './shared-maps.ts';

/** A compiled program, linked with the runtime and loaded: what a slot of a dispatcher points to. */
export class HookProgram {
  readonly section: string;
  /** eBPF instructions of the program and all functions it calls. */
  readonly instructionCount: number;
  readonly #object: BpfObject;
  readonly #name: string;

  /** Throws a KernelError; the verifier's refusal names the line of the policy. */
  constructor(compiled: CompiledProgram, runtime: Uint8Array, maps: SharedMaps) {
    this.section = compiled.section;
    this.#name = compiled.name;
    const used = keepCoreRelocations(runtime, compiled.externs);
    this.#object = BpfObject.open(linkObjects([used, compiled.object]), 'jatai');
    try {
      maps.shareWith(this.#object);
      this.#object.load({ sourceLines: sourceLinesOf(compiled) });
    } catch (error) {
      this.#object.close();
      throw error;
    }
    this.instructionCount = this.#object.program(this.#name).instructionCount;
  }

  get fd(): number {
    return this.#object.program(this.#name).fd;
  }

  /** Bytes of kernel memory that are locked for the program. */
  memoryBytes(): number {
    return programMemoryBytes(this.fd);
  }

  close(): void {
    this.#object.close();
  }
}

function sourceLinesOf(compiled: CompiledProgram): SourceLine[] {
  const lines = new Map<string, SourceLine>();
  let previous: SourceLine | undefined;
  for (const { sources } of compiled.functions) {
    for (const source of sources) {
      if (source === undefined || source === previous) continue;
      previous = source;
      lines.set(`${source.file}:${source.line}`, source);
    }
  }
  return [...lines.values()];
}
