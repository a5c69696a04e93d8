import { strict as assert } from 'node:assert';
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import {
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_UPDATE_ELEM,
  BPF_OBJ_GET,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_OBJ_PIN,
  BpfAttr,
  stableBytes,
} from './bpf-syscall.ts';
import { throwLastError } from './kernel-error.ts';
import { lastErrno, PROT_READ, PROT_WRITE } from './libc.ts';
import { MemoryMapping } from './memory-mapping.ts';
import { possibleCpuCount, raiseMemlockLimit } from './system.ts';

/** `enum bpf_map_type`, those in use. */
export const MAP_TYPES = {
  hash: 1,
  array: 2,
  programArray: 3,
  percpuHash: 5,
  percpuArray: 6,
  lruHash: 9,
  lruPercpuHash: 10,
  lpmTrie: 11,
  arrayOfMaps: 12,
  hashOfMaps: 13,
  queue: 22,
  stack: 23,
  ringBuffer: 27,
} as const;
export type MapType = keyof typeof MAP_TYPES;

export const BPF_F_NO_PREALLOC = 1;
export const BPF_F_MMAPABLE = 1 << 10;

/** Update flags: create or replace, create only, replace only. */
export const BPF_ANY = 0;
export const BPF_NOEXIST = 1;
export const BPF_EXIST = 2;

const PERCPU_TYPES: ReadonlySet<number> = new Set([
  MAP_TYPES.percpuHash,
  MAP_TYPES.percpuArray,
  MAP_TYPES.lruPercpuHash,
]);

export interface MapDefinition {
  readonly type: MapType;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
}

export interface FromFdOptions {
  /** Whether `close` closes the descriptor; true by default. */
  readonly owned?: boolean;
  /** For messages; by default the kernel's name of the map. */
  readonly name?: string;
}

/** The first fields of `struct bpf_map_info`. */
interface MapInfo {
  readonly type: number;
  readonly id: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly name: string;
}

/**
 * A BPF map by its file descriptor. Keys and values are bytes of exactly `keySize` and `valueBytes`; memory for calls is
 * allocated once, so that large updates make no garbage.
 */
export class BpfMap {
  readonly name: string;
  readonly id: number;
  readonly keySize: number;
  /** Bytes of one value; a per-CPU map has one for each possible CPU. */
  readonly valueSize: number;
  /** Bytes `lookup` returns and `update` takes: of a per-CPU map one value, padded to 8, for each possible CPU. */
  readonly valueBytes: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly #owned: boolean;
  readonly #type: number;
  readonly #key: Buffer<ArrayBuffer>;
  readonly #nextKey: Buffer<ArrayBuffer>;
  readonly #value: Buffer<ArrayBuffer>;
  readonly #element: BpfAttr;
  readonly #keyOnly: BpfAttr;
  readonly #next: BpfAttr;
  #fd: number;
  #mapping: MemoryMapping | undefined;

  private constructor(fd: number, owned: boolean, name?: string) {
    const info = readInfo(fd);
    this.#fd = fd;
    this.#owned = owned;
    this.#type = info.type;
    this.name = name ?? info.name;
    this.id = info.id;
    this.keySize = info.keySize;
    this.valueSize = info.valueSize;
    this.valueBytes = PERCPU_TYPES.has(info.type) ? align8(info.valueSize) * possibleCpuCount() : info.valueSize;
    this.maxEntries = info.maxEntries;
    this.flags = info.flags;
    this.#key = stableBytes(Math.max(this.keySize, 1));
    this.#nextKey = stableBytes(Math.max(this.keySize, 1));
    this.#value = stableBytes(Math.max(this.valueBytes, 1));
    this.#element = new BpfAttr().u32(0, fd).memory(8, this.#key).memory(16, this.#value);
    this.#keyOnly = new BpfAttr().u32(0, fd).memory(8, this.#key);
    this.#next = new BpfAttr().u32(0, fd).memory(8, this.#key).memory(16, this.#nextKey);
  }

  /** Throws a KernelError. Kernels before 5.11 count map memory against the memlock limit, which is raised first. */
  static create(definition: MapDefinition): BpfMap {
    raiseMemlockLimit();
    const fd = new BpfAttr()
      .u32(0, MAP_TYPES[definition.type])
      .u32(4, definition.keySize)
      .u32(8, definition.valueSize)
      .u32(12, definition.maxEntries)
      .u32(16, definition.flags ?? 0)
      .name(28, definition.name)
      .run(BPF_MAP_CREATE, `create ${definition.type} map "${definition.name}"`);
    return new BpfMap(fd, true, definition.name);
  }

  /** Takes the descriptor over, or borrows it with `owned: false`. */
  static fromFd(fd: number, options: FromFdOptions = {}): BpfMap {
    return new BpfMap(fd, options.owned ?? true, options.name);
  }

  /** Opens a pinned map; throws a KernelError with ENOENT when there is none. */
  static openPinned(path: string): BpfMap {
    return new BpfMap(new BpfAttr().text(0, path).run(BPF_OBJ_GET, `open pinned map ${path}`, ''), true);
  }

  get fd(): number {
    assert(this.#fd >= 0, `map "${this.name}" is used after close`);
    return this.#fd;
  }

  /** A copy of the value, or undefined when the key is not there. */
  lookup(key: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
    this.#setKey(key);
    if (this.#element.u64(24, 0n).try(BPF_MAP_LOOKUP_ELEM) < 0) {
      return this.#missing('look up in');
    }
    return new Uint8Array(this.#value.subarray(0, this.valueBytes));
  }

  /** `flags`: BPF_ANY (default), BPF_NOEXIST, BPF_EXIST. */
  update(key: Uint8Array, value: Uint8Array, flags = BPF_ANY): void {
    this.#setKey(key);
    assert(
      value.byteLength === this.valueBytes,
      `map "${this.name}" has values of ${this.valueBytes} bytes, not ${value.byteLength}`,
    );
    this.#value.set(value);
    this.#element.u64(24, BigInt(flags)).run(BPF_MAP_UPDATE_ELEM, `update map "${this.name}"`);
  }

  /** Returns false when the key was not there. */
  delete(key: Uint8Array): boolean {
    this.#setKey(key);
    if (this.#keyOnly.try(BPF_MAP_DELETE_ELEM) < 0) {
      this.#missing('delete from');
      return false;
    }
    return true;
  }

  /**
   * The keys, each a copy; the one just given may be deleted. A hash map changed by others meanwhile may give a key twice
   * or start again: the walk ends after twice `maxEntries` keys.
   */
  *keys(): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
    let key: Uint8Array<ArrayBuffer> | undefined;
    for (let count = 0; count <= 2 * this.maxEntries; count++) {
      key = this.#keyAfter(key);
      if (!key) {
        return;
      }
      yield key;
    }
  }

  /** How many different keys there are: one system call for each, and none that holds up programs. */
  countKeys(): number {
    const keys = new Set<string>();
    for (const key of this.keys()) keys.add(Buffer.from(key.buffer).toString('latin1'));
    return keys.size;
  }

  /**
   * The map's memory, shared with the kernel: arrays created with BPF_F_MMAPABLE and global variable sections. Elements are
   * `valueSize` rounded up to 8 bytes apart. The buffer is detached by `close`.
   */
  mmap(): ArrayBuffer {
    const bytes = align8(this.valueSize) * this.maxEntries;
    this.#mapping ??= new MemoryMapping(`map "${this.name}"`, this.fd, 0, bytes, PROT_READ | PROT_WRITE);
    return this.#mapping.buffer;
  }

  /** Keeps the map after this process, as a file on a bpffs. */
  pin(path: string): void {
    new BpfAttr().text(0, path).u32(8, this.fd).run(BPF_OBJ_PIN, `pin map "${this.name}" at ${path}`);
  }

  /** Detaches the memory and closes an owned descriptor; safe to call twice. */
  close(): void {
    this.#mapping?.close();
    this.#mapping = undefined;
    if (this.#fd >= 0 && this.#owned) {
      closeSync(this.#fd);
    }
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #setKey(key: Uint8Array): void {
    assert(this.#fd >= 0, `map "${this.name}" is used after close`);
    assert(
      key.byteLength === this.keySize,
      `map "${this.name}" has keys of ${this.keySize} bytes, not ${key.byteLength}`,
    );
    this.#key.set(key);
  }

  #keyAfter(key: Uint8Array | undefined): Uint8Array<ArrayBuffer> | undefined {
    assert(this.#fd >= 0, `map "${this.name}" is used after close`);
    if (key) {
      this.#key.set(key);
    }
    const attr = key ? this.#next : new BpfAttr().u32(0, this.#fd).memory(16, this.#nextKey);
    if (attr.try(BPF_MAP_GET_NEXT_KEY) < 0) {
      return this.#missing('walk');
    }
    return new Uint8Array(this.#nextKey.subarray(0, this.keySize));
  }

  /** Returns undefined when the last call failed because the key is not there, throws otherwise. */
  #missing(action: string): undefined {
    if (lastErrno() === constants.errno.ENOENT) {
      return undefined;
    }
    throwLastError(`${action} map "${this.name}" (type ${this.#type})`);
  }
}

function readInfo(fd: number): MapInfo {
  const info = stableBytes(80);
  new BpfAttr()
    .u32(0, fd)
    .u32(4, info.byteLength)
    .memory(8, info)
    .run(BPF_OBJ_GET_INFO_BY_FD, `describe map of descriptor ${fd}`);
  const name = info.subarray(24, 40);
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    keySize: info.readUInt32LE(8),
    valueSize: info.readUInt32LE(12),
    maxEntries: info.readUInt32LE(16),
    flags: info.readUInt32LE(20),
    name: name.toString('latin1', 0, Math.max(name.indexOf(0), 0)),
  };
}

function align8(size: number): number {
  return (size + 7) & ~7;
}
