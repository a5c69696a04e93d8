import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelFacts } from '../../compiler/kernel-facts.ts';
import { BtfFile } from '../../ebpf/btf-reader.ts';
import { readElfSection } from '../../ebpf/elf-reader.ts';
import { InputError, isSystemError, systemReason } from '../errors.ts';
import { packageRoot } from '../package-root.ts';

const buildFolder = join(packageRoot, 'build');

/**
 * The BPF objects that are compiled when the package is built, for this kernel: those with bpf_loop are
 * verified faster, those with typed pointers run faster.
 * Throws an InputError that says what to do when they are missing.
 */
export function readObjects({
  features,
}: Pick<KernelFacts, 'features'>): Record<'runtime' | 'process' | 'loader', Uint8Array> {
  const loop = features.bpfLoop.available ? 'loop/' : '';
  const typed = features.pointerCast.available && features.fentry.available ? 'typed/' : loop;
  return {
    runtime: readObject(`${loop}runtime.o`),
    process: readObject(`${typed}process.o`),
    loader: readObject('loader.o'),
  };
}

/** How the functions that compiled programs call are declared: needed to compile for any kernel. */
export function readRuntimeTypes(): BtfFile {
  const types = readElfSection(readObject('runtime.o'), '.BTF');
  if (types === undefined) throw new InputError('build/runtime.o has no type information', 'Run make clean build.');
  return BtfFile.parse(types);
}

function readObject(name: string): Uint8Array {
  const path = join(buildFolder, name);
  try {
    return readFileSync(path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new InputError(`${path}: ${systemReason(error)}`, 'Run make build.');
  }
}
