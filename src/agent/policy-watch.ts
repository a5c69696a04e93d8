import { type FSWatcher, lstatSync, realpathSync, statSync, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';

/** Editors write a file in several steps: look when it has been quiet for this long. */
const settleMs = 300;
/** Or when so much has passed since the first step: something else may be written to all the time. */
const patienceMs = 3000;

interface Watched {
  readonly watcher: FSWatcher;
  /** Which directory it is: another one may have taken its name. */
  readonly identity: string;
}

/**
 * Calls `changed` some time after policies changed, or the files and directories that hold them. What a path names may be
 * put in the place of something else, by editors, links and ConfigMaps: so the directory above is watched, too.
 */
export class PolicyWatch {
  readonly #paths: readonly string[];
  readonly #changed: () => void;
  readonly #unwatched: (path: string, reason: string) => void;
  readonly #watched = new Map<string, Watched>();
  readonly #reported = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #firstEventMs: number | undefined;

  /** Paths whose directory cannot be watched are reported to `unwatched` with the system's reason, once. */
  constructor(paths: readonly string[], changed: () => void, unwatched: (path: string, reason: string) => void) {
    this.#paths = paths;
    this.#changed = changed;
    this.#unwatched = unwatched;
    this.#watchAll();
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Watches what the paths name now, and no longer what they named before. */
  #watchAll(): void {
    const wanted = new Map<string, string>();
    for (const path of this.#paths) for (const directory of directoriesOf(path)) wanted.set(directory, path);
    for (const [directory, { watcher, identity }] of this.#watched) {
      if (wanted.has(directory) && identityOf(directory) === identity) continue;
      watcher.close();
      this.#watched.delete(directory);
    }
    for (const [directory, path] of wanted) if (!this.#watched.has(directory)) this.#watch(directory, path);
  }

  #watch(directory: string, path: string): void {
    const report = (error: unknown): void => {
      if (this.#reported.has(path)) return;
      this.#reported.add(path);
      this.#unwatched(path, (error as Error).message);
    };
    try {
      const watcher = watch(directory, (_event, name) => {
        if (this.#concerns(directory, name)) this.#schedule();
      });
      watcher.on('error', report);
      this.#watched.set(directory, { watcher, identity: identityOf(directory) });
    } catch (error) {
      report(error);
    }
  }

  /** Of a directory that is only above a path, most names have nothing to do with it. */
  #concerns(directory: string, name: string | null): boolean {
    if (name === null || name.startsWith('..') || name === basename(directory)) return true;
    return this.#paths.some((path) => {
      const real = realPath(path);
      const isNamed = [resolve(path), real].some((one) => dirname(one) === directory && basename(one) === name);
      return isNamed || resolve(path) === directory || real === directory;
    });
  }

  #schedule(): void {
    const now = performance.now();
    this.#firstEventMs ??= now;
    clearTimeout(this.#timer);
    const patience = Math.max(0, this.#firstEventMs + patienceMs - now);
    this.#timer = setTimeout(() => this.#settled(), Math.min(settleMs, patience));
  }

  #settled(): void {
    this.#firstEventMs = undefined;
    this.#watchAll();
    this.#changed();
  }
}

/** The one above a path; itself, when it is one; and where a link leads to. */
function directoriesOf(path: string): Set<string> {
  const absolute = resolve(path);
  const isDirectory = statSync(absolute, { throwIfNoEntry: false })?.isDirectory() === true;
  const directories = new Set([dirname(absolute)]);
  if (isDirectory) directories.add(absolute);
  else if (lstatSync(absolute, { throwIfNoEntry: false })?.isSymbolicLink() === true)
    directories.add(dirname(realPath(absolute)));
  return directories;
}

/** The path itself when it leads nowhere. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

function identityOf(directory: string): string {
  const stat = statSync(directory, { throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.dev}:${stat.ino}`;
}
