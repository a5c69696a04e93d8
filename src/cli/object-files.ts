import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const buildFolder = join(import.meta.dirname, '..', '..', 'build');

/** The BPF objects that are compiled when the package is built. Throws an Error that says what to do when they are missing. */
export function readObjects(): { runtime: Uint8Array; process: Uint8Array } {
  return { runtime: readObject('runtime.o'), process: readObject('process.o') };
}

function readObject(name: string): Uint8Array {
  const path = join(buildFolder, name);
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}): run make build`);
  }
}
