import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const COMPILERS: readonly string[] = [process.env['CLANG'] ?? 'clang-19', 'clang'];

const compiled = new Map<string, Uint8Array>();

/** Compiles `testdata/NAME.bpf.c` to a BPF object and returns its bytes; once per process. */
export function compileBpf(name: string): Uint8Array {
  const object = compiled.get(name) ?? compile(name);
  compiled.set(name, object);
  return object;
}

function compile(name: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'jatai-test-'));
  try {
    const output = join(folder, `${name}.o`);
    const source = join(import.meta.dirname, `${name}.bpf.c`);
    runCompiler([
      '-target',
      'bpf',
      '-O2',
      '-g',
      '-Wall',
      '-I',
      `/usr/include/${multiarch()}`,
      '-c',
      source,
      '-o',
      output,
    ]);
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runCompiler(args: readonly string[]): void {
  for (const compiler of COMPILERS) {
    try {
      execFileSync(compiler, args, { stdio: ['ignore', 'ignore', 'inherit'] });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw error;
      }
    }
  }
  throw new Error(`no BPF compiler found (${COMPILERS.join(', ')}): install clang or set CLANG`);
}

function multiarch(): string {
  return process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
}
