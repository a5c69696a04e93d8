import { lstatSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Puts a file with this text in the place of what has its name: readers see the one or the other as a whole. Throws the
 * system's error and leaves nothing behind then, which on a full disk would be there for good; also for what is no file, as
 * /dev/null, which nobody wants to be one.
 */
export function replaceFile(path: string, text: string, mode: number): void {
  const old = lstatSync(path, { throwIfNoEntry: false });
  if (old !== undefined && !old.isFile() && !old.isSymbolicLink()) throw new Error(`${path} exists and is no file`);
  const fresh = `${path}.${process.pid}`;
  try {
    writeFileSync(fresh, text, { mode });
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}
