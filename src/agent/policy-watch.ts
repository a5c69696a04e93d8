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
  place: Place;
}

/** A directory to watch, and what in it concerns us. */
interface Place {
  /** Of the policies for which it is watched. */
  readonly path: string;
  /** Everything in it does. */
  holdsPolicies: boolean;
  readonly names: Set<string>;
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
    const wanted = placesOf(this.#paths);
    for (const [directory, watched] of this.#watched) {
      const place = wanted.get(directory);
      if (place !== undefined && identityOf(directory) === watched.identity) {
        watched.place = place;
        continue;
      }
      watched.watcher.close();
      this.#watched.delete(directory);
    }
    for (const [directory, place] of wanted) if (!this.#watched.has(directory)) this.#watch(directory, place);
  }

  #watch(directory: string, place: Place): void {
    const { path } = place;
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
      this.#watched.set(directory, { watcher, identity: identityOf(directory), place });
    } catch (error) {
      report(error);
    }
  }

  /** Of a directory that is only above a path, most names have nothing to do with it. */
  #concerns(directory: string, name: string | null): boolean {
    if (name === null || name.startsWith('..') || name === basename(directory)) return true;
    const place = this.#watched.get(directory)?.place;
    return place !== undefined && (place.holdsPolicies || place.names.has(name));
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

/** By directory: the one above a path, the path itself when it is one, and the one that a link leads to. */
function placesOf(paths: readonly string[]): Map<string, Place> {
  const places = new Map<string, Place>();
  const placeAt = (directory: string, path: string): Place => {
    const place = places.get(directory) ?? { path, holdsPolicies: false, names: new Set() };
    places.set(directory, place);
    return place;
  };
  for (const path of paths) {
    const absolute = resolve(path);
    placeAt(dirname(absolute), path).names.add(basename(absolute));
    if (statSync(absolute, { throwIfNoEntry: false })?.isDirectory() === true) {
      placeAt(absolute, path).holdsPolicies = true;
    } else if (lstatSync(absolute, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
      const real = realPath(absolute);
      placeAt(dirname(real), path).names.add(basename(real));
    }
  }
  return places;
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
