import path from 'node:path';
import type { Logger } from 'pino';
import { BPFFS, findMount } from '../kernel/mounts.ts';
import { bpffsPath, FolderLock, listPins, makePinFolder, removePins } from '../kernel/pins.ts';
import { KeptBase } from './kept-base.ts';
import { KeptHooks } from './kept-hooks.ts';

/** Another agent lives on the same folder. */
export class KeptObjectsInUse extends Error {
  override readonly name = 'KeptObjectsInUse';
}

/** What has to go first so that nothing runs on what is gone. */
const detachedFirst = ['link'];

/**
 * What outlives the agent, in a folder of a bpffs that one agent at a time owns:
 *
 *     base-FINGERPRINT/     the maps that all programs share, the process sensors, and what records mean
 *     hooks-FINGERPRINT/    the number of the active generation, and a folder for each attach point
 *
 * A folder is filled under a name that starts with `new-` and renamed when it is complete, so that whatever is found
 * under its own name works, whenever an agent was killed. What another version of jatai left has another fingerprint: it
 * goes on working until this agent's own policies are live.
 */
export class KeptObjects {
  readonly folder: string;
  readonly #lock: FolderLock;
  readonly #log: Logger;
  #base: KeptBase | undefined;
  #hooks: KeptHooks | undefined;

  private constructor(folder: string, lock: FolderLock, log: Logger) {
    this.folder = folder;
    this.#lock = lock;
    this.#log = log;
  }

  /** `name` is relative to the bpffs. Throws KeptObjectsInUse while another agent lives there, and KernelErrors. */
  static open(name: string, log: Logger): KeptObjects {
    const folder = bpffsPath(name);
    makePinFolder(folder);
    const lock = FolderLock.tryLock(folder);
    if (lock === undefined) throw new KeptObjectsInUse(`${folder} belongs to another agent that is running`);
    for (const left of listPins(folder).filter(isUnfinished)) removePins(path.join(folder, left), detachedFirst);
    return new KeptObjects(folder, lock, log);
  }

  /** Those of an earlier agent when there are any with this fingerprint, else new ones. */
  openBase(fingerprint: string): KeptBase {
    this.#base = new KeptBase(this.folder, `base-${fingerprint}`);
    return this.#base;
  }

  openHooks(fingerprint: string): KeptHooks {
    this.#hooks = new KeptHooks(this.folder, `hooks-${fingerprint}`);
    return this.#hooks;
  }

  /** To be called when the first policies of this agent are live: detaches and removes what others left. */
  removeStrangers(): void {
    const own = [this.#base?.name, this.#hooks?.name];
    const strangers = listPins(this.folder).filter((name) => isOfAgents(name) && !own.includes(name));
    /* Hooks first: their programs work on the maps of a base. */
    for (const name of strangers.toSorted().toReversed()) {
      const stranger = path.join(this.folder, name);
      if (name.startsWith('base-')) this.#reportUnread(stranger);
      removePins(stranger, detachedFirst);
      this.#log.info({ removed: stranger }, 'removed what an earlier agent of another version had left');
    }
  }

  #reportUnread(base: string): void {
    const records = KeptBase.countUnread(base);
    if (records > 0)
      this.#log.warn({ lost: { records } }, 'records that an earlier agent of another version left are lost');
  }

  /** Gives the folder up; what is in it stays. */
  close(): void {
    this.#lock.close();
  }
}

/** What agents keep in this folder of the bpffs: paths; none when there is no such folder, or no bpffs. Throws a KernelError. */
export function listKeptObjects(name: string): string[] {
  const root = findMount(BPFFS.type);
  if (root === undefined) return [];
  const folder = bpffsPath(name, root);
  return listPins(folder)
    .filter(isOfAgents)
    .map((child) => path.join(folder, child));
}

/**
 * Detaches and removes all that agents keep in this folder of the bpffs, and the folder when nothing else is in it. Returns
 * the removed paths. Throws KeptObjectsInUse while an agent lives there, and KernelErrors.
 */
export function removeKeptObjects(name: string): string[] {
  const folder = bpffsPath(name);
  if (listPins(folder).length === 0) {
    const removed: string[] = [];
    removePins(folder, [], (file) => removed.push(file));
    return removed;
  }
  const lock = FolderLock.tryLock(folder);
  if (lock === undefined) throw new KeptObjectsInUse(`${folder} belongs to an agent that is running: stop it first`);
  const removed: string[] = [];
  try {
    const names = listPins(folder).toReversed();
    for (const child of names.filter(isOfAgents))
      removePins(path.join(folder, child), detachedFirst, (file) => removed.push(file));
    if (names.every(isOfAgents)) removePins(folder, [], (file) => removed.push(file));
  } finally {
    lock.close();
  }
  return removed;
}

function isUnfinished(name: string): boolean {
  return isOfAgents(name) && name.startsWith('new-');
}

/** What others have pinned there is none of our business. */
function isOfAgents(name: string): boolean {
  return /^(new-)?(base|hooks)-/.test(name);
}
