import { strict as assert } from 'node:assert';
import { BpfMap } from './bpf-map.ts';
import type { Handle } from './handle.ts';
import { checkResult } from './kernel-error.ts';
import {
  type Address,
  mapFd,
  mapInitialValue,
  mapMaxEntries,
  mapPin,
  mapReuseFd,
  mapSetAutocreate,
  mapSetInnerMapFd,
  mapSetMaxEntries,
  mapSetValueSize,
  mapValueSize,
} from './libbpf.ts';
import { viewMemory } from './libc.ts';

/** A map of a BpfObject, which owns it. Its definition can be changed before load; it has a file descriptor after. */
export class ObjectMap {
  readonly name: string;
  readonly #object: Handle;
  readonly #address: Address;

  /** For BpfObject. */
  constructor(object: Handle, address: Address, name: string) {
    this.name = name;
    this.#object = object;
    this.#address = address;
  }

  get address(): Address {
    assert(!this.#object.closed, `map "${this.name}" is used after ${this.#object.label} was closed`);
    return this.#address;
  }

  /** The file descriptor, owned by the object; an assertion error before load. */
  get fd(): number {
    const fd = mapFd(this.address);
    assert(fd >= 0, `map "${this.name}" has no file descriptor before load`);
    return fd;
  }

  get maxEntries(): number {
    return mapMaxEntries(this.address);
  }

  get valueSize(): number {
    return mapValueSize(this.address);
  }

  /** Uses an existing map, which must have the same type, sizes and flags, instead of creating one. Keeps its own duplicate of `fd`. */
  reuse(fd: number): void {
    checkResult(`reuse a map as "${this.name}"`, mapReuseFd(this.address, fd));
  }

  setMaxEntries(count: number): void {
    checkResult(`set max_entries of map "${this.name}"`, mapSetMaxEntries(this.address, count));
  }

  setValueSize(bytes: number): void {
    checkResult(`set value_size of map "${this.name}"`, mapSetValueSize(this.address, bytes));
  }

  /** Whether load creates the map; without it programs that use the map are refused. */
  setAutocreate(create: boolean): void {
    checkResult(`set autocreate of map "${this.name}"`, mapSetAutocreate(this.address, create));
  }

  /** The map whose shape the maps in this map-of-maps have. */
  setInnerMap(fd: number): void {
    checkResult(`set inner map of "${this.name}"`, mapSetInnerMapFd(this.address, fd));
  }

  /** Pins the loaded map as a file on a bpffs. */
  pin(path: string): void {
    checkResult(`pin map "${this.name}" at ${path}`, mapPin(this.address, path));
  }

  /** The bytes a global variable section starts with, before load; written in place. */
  initialValue(): Buffer {
    const size = new BigUint64Array(1);
    const memory = mapInitialValue(this.address, size);
    assert(memory !== null, `map "${this.name}" is not a global variable section`);
    return Buffer.from(viewMemory(memory, Number(size[0])));
  }

  /** The loaded map for reading and writing; it borrows the file descriptor, so it ends with the object. */
  open(): BpfMap {
    return BpfMap.fromFd(this.fd, { owned: false, name: this.name });
  }
}
