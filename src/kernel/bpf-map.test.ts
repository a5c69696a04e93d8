import { existsSync, rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BPF_F_MMAPABLE, BPF_NOEXIST, BpfMap } from './bpf-map.ts';
import { KernelError } from './kernel-error.ts';
import { mountBpffs } from './mounts.ts';
import { possibleCpuCount } from './system.ts';

function bytes32(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function hashMap(maxEntries = 8): BpfMap {
  return BpfMap.create({ type: 'hash', name: 'test-hash', keySize: 4, valueSize: 8, maxEntries });
}

describe('BpfMap', () => {
  test('updates, looks up, walks and deletes', () => {
    using map = hashMap();
    expect(map.lookup(bytes32(1))).toBeUndefined();
    for (let key = 0; key < 8; key++) {
      map.update(bytes32(key), bytes32(key * 2, 7));
    }
    expect(map.lookup(bytes32(3))).toEqual(bytes32(6, 7));
    expect([...map.keys()].map((key) => key[0]).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(map.delete(bytes32(3))).toBe(true);
    expect(map.delete(bytes32(3))).toBe(false);
    for (const key of map.keys()) {
      map.delete(key);
    }
    expect([...map.keys()]).toEqual([]);
  });

  test('names map and cause when the kernel refuses', () => {
    using map = hashMap(1);
    map.update(bytes32(1), bytes32(0, 0));
    expect(() => map.update(bytes32(1), bytes32(0, 0), BPF_NOEXIST)).toThrow('update map "test-hash": EEXIST');
    expect(() => map.update(bytes32(2), bytes32(0, 0))).toThrow(/update map "test-hash": E(2BIG|NOSPC)/);
    expect(() => map.update(bytes32(2), bytes32(0))).toThrow('map "test-hash" has values of 8 bytes, not 4');
    expect(() => map.lookup(bytes32(1, 2))).toThrow('map "test-hash" has keys of 4 bytes, not 8');
    expect(() => BpfMap.create({ type: 'array', name: 'x', keySize: 8, valueSize: 8, maxEntries: 1 })).toThrow(
      KernelError,
    );
  });

  test('gives a value for each possible CPU', () => {
    using map = BpfMap.create({ type: 'percpuArray', name: 'percpu', keySize: 4, valueSize: 4, maxEntries: 2 });
    expect(map.valueBytes).toBe(8 * possibleCpuCount());
    expect(map.lookup(bytes32(1))).toHaveLength(map.valueBytes);
  });

  test('shares memory with the kernel, until close', () => {
    const map = BpfMap.create({
      type: 'array',
      name: 'shared',
      keySize: 4,
      valueSize: 4,
      maxEntries: 1000,
      flags: BPF_F_MMAPABLE,
    });
    const memory = new Uint32Array(map.mmap());
    expect(memory).toHaveLength(2000);
    memory[2 * 999] = 17;
    expect(map.lookup(bytes32(999))).toEqual(bytes32(17));
    map.update(bytes32(0), bytes32(23));
    expect(memory[0]).toBe(23);
    map.close();
    map.close();
    expect(memory[0]).toBeUndefined();
    expect(() => map.lookup(bytes32(0))).toThrow('map "shared" is used after close');
  });

  test('refuses to map what cannot be mapped', () => {
    using map = hashMap();
    expect(() => map.mmap()).toThrow(/mmap map "test-hash": E\w+ \(the map must be/);
  });

  test('is found again by its pin', () => {
    const path = `${mountBpffs()}/jatai-test-${process.pid}`;
    try {
      using map = hashMap();
      map.update(bytes32(5), bytes32(50, 0));
      map.pin(path);
      expect(() => map.pin(path)).toThrow('EEXIST');
      using pinned = BpfMap.openPinned(path);
      expect(pinned.lookup(bytes32(5))).toEqual(bytes32(50, 0));
      expect(pinned).toMatchObject({ id: map.id, name: 'test_hash', keySize: 4, maxEntries: 8 });
    } finally {
      rmSync(path, { force: true });
    }
    expect(existsSync(path)).toBe(false);
    expect(() => BpfMap.openPinned(path)).toThrow(`open pinned map ${path}: ENOENT`);
  });
});
