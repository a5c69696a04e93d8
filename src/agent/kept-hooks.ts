import { existsSync } from 'node:fs';
import path from 'node:path';
import { BpfMap, type MapDefinition } from '../kernel/bpf-map.ts';
import { listPins, makePinFolder, nameOfPin, pinName, removePins, renamePins } from '../kernel/pins.ts';

/**
 * The dispatchers and what makes them one table:
 *
 *     generation     the number of the active generation
 *     places/PLACE/  {slots, program, link} of one attach point; see AttachedHook
 */
export class KeptHooks {
  readonly name: string;
  readonly #folder: string;
  readonly #root: string;

  constructor(root: string, name: string) {
    this.name = name;
    this.#root = root;
    this.#folder = path.join(root, name);
  }

  /** The map of the earlier agent, or a new one. Throws a KernelError. */
  generation(definition: MapDefinition): BpfMap {
    if (existsSync(this.#folder)) return BpfMap.openPinned(path.join(this.#folder, 'generation'));
    const unfinished = path.join(this.#root, `new-${this.name}`);
    makePinFolder(unfinished);
    const map = BpfMap.create(definition);
    map.pin(path.join(unfinished, 'generation'));
    renamePins(unfinished, this.#folder);
    return map;
  }

  /** Folders of the attach points that an earlier agent left, by place; what it did not finish is removed. */
  places(): Map<string, string> {
    const folder = path.join(this.#folder, 'places');
    const found = new Map<string, string>();
    for (const name of listPins(folder)) {
      const file = path.join(folder, name);
      if (!name.startsWith('new-') && existsSync(path.join(file, 'link'))) found.set(nameOfPin(name), file);
      else removePins(file, ['link']);
    }
    return found;
  }

  /** Where to pin the parts of a place, to be renamed to `folder` when all are there. */
  newPlace(place: string): { readonly unfinished: string; readonly folder: string } {
    const folder = path.join(this.#folder, 'places', pinName(place));
    const unfinished = path.join(this.#folder, 'places', 'new-place');
    removePins(unfinished, ['link']);
    makePinFolder(unfinished);
    return { unfinished, folder };
  }
}
