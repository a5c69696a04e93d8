import { type FSWatcher, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';

/** Editors write a file in several steps: look when it has been quiet for this long. */
const settleMs = 300;

/**
 * Calls `changed` some time after files of policies changed. A file is watched by its directory: editors and
 * ConfigMaps put another file in its place.
 */
export class PolicyWatch {
  readonly #watchers: FSWatcher[] = [];
  readonly #changed: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** Paths that do not exist are reported to `unwatched` with the system's reason, and not watched. */
  constructor(paths: readonly string[], changed: () => void, unwatched: (path: string, reason: string) => void) {
    this.#changed = changed;
    const directories = new Map(paths.map((path) => [directoryOf(path), path]));
    for (const [directory, path] of directories) {
      try {
        const watcher = watch(directory, () => this.#schedule());
        watcher.on('error', (error) => unwatched(path, error.message));
        this.#watchers.push(watcher);
      } catch (error) {
        unwatched(path, (error as Error).message);
      }
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#changed, settleMs);
  }
}

function directoryOf(path: string): string {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : dirname(path);
}
