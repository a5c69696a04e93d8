import { describe, expect, test } from 'vitest';
import { decodeExec, decodeExit, decodeFork, type ExecRecord, type ExitRecord, type ForkRecord } from '../decode.ts';
import { execBytes, exitBytes, forkBytes } from '../test-record.ts';
import { textOf } from './process.ts';
import { ProcessCache, referencesOf } from './process-cache.ts';

const second = 1_000_000_000n;

function cacheOf(capacity: number): ProcessCache {
  return new ProcessCache({ capacity, graceSeconds: 5, withCredentials: false, withNamespaces: false });
}

function exec(tgid: number, atSeconds: number): ExecRecord {
  const ktime = BigInt(atSeconds) * second;
  const bytes = execBytes({ tgid, ktime, execKtime: ktime, binary: `/bin/${tgid}` });
  return decodeExec(bytes, 0, bytes.length) as ExecRecord;
}

function fork(tgid: number, parentTgid: number, atSeconds: number): ForkRecord {
  const ktime = BigInt(atSeconds) * second;
  const bytes = forkBytes({ tgid, ktime, execKtime: ktime, parentTgid, parentKtime: 0n });
  return decodeFork(bytes, 0, bytes.length) as ForkRecord;
}

function exit(tgid: number, atSeconds: number): ExitRecord {
  const bytes = exitBytes({ tgid, ktime: BigInt(atSeconds) * second, execKtime: 0n, code: 0 });
  return decodeExit(bytes, 0, bytes.length) as ExitRecord;
}

function has(cache: ProcessCache, tgid: number, atSeconds: number): boolean {
  const ktime = BigInt(atSeconds) * second;
  return cache.find(tgid, Number(ktime & 0xffff_ffffn), Number(ktime >> 32n)) !== undefined;
}

describe('ProcessCache', () => {
  test('keeps an ended process for the grace period', () => {
    const cache = cacheOf(100);
    cache.end(cache.addExec(exec(7, 10)), exit(7, 20).header);
    cache.addExec(exec(8, 25));
    expect(has(cache, 7, 10)).toBe(true);
    cache.addExec(exec(9, 26));
    expect(has(cache, 7, 10)).toBe(false);
    expect(cache.size).toBe(3); // 8, 9 and the kernel's own process
  });

  test('long arguments are kept as long as a process has them', () => {
    const cache = cacheOf(100);
    const long = { tgid: 7, ktimeNs: 10n * second, parentTgid: 1, parentKtimeNs: 0n, uid: 0, auid: 0, nsPid: 7 };
    const texts = { binary: Buffer.from('/bin/7'), cwd: Buffer.from('/'), args: Buffer.alloc(10_000, 'x') };
    const process = cache.addProcess({ ...long, ...texts });
    const child = cache.addFork(fork(8, 7, 11));
    expect(child.image).toBe(process.image);
    cache.end(process, exit(7, 12).header);
    cache.end(child, exit(8, 20).header);
    cache.addExec(exec(9, 22));
    expect([cache.size, cache.longTexts.bytes]).toEqual([4, 10_000]);
    cache.addExec(exec(9, 26));
    expect([cache.latest(7), cache.latest(8), cache.longTexts.bytes]).toEqual([undefined, undefined, 0]);
  });

  test('a second exec ends the execution before it', () => {
    const cache = cacheOf(100);
    cache.addExec(exec(7, 10));
    cache.addExec(exec(7, 11));
    expect(cache.latest(7)?.older).toBeDefined();
    cache.addExec(exec(8, 20));
    expect(has(cache, 7, 10)).toBe(false);
    expect(has(cache, 7, 11)).toBe(true);
  });

  test('a record of a process that the kernel side does not know is of the one that has its tgid', () => {
    const cache = cacheOf(100);
    const process = cache.addExec(exec(7, 10));
    expect(cache.processOf(exit(7, 20).header)).toBe(process);
    cache.end(process, exit(7, 20).header);
    expect(cache.processOf(exit(7, 21).header).uid).toBeUndefined();
    expect(cache.unknowns).toBe(1);
  });

  test('a process whose exit was lost ends when its tgid is used again', () => {
    const cache = cacheOf(100);
    cache.addExec(exec(7, 10));
    cache.addFork(fork(7, 8, 20));
    cache.addExec(exec(9, 30));
    expect(has(cache, 7, 10)).toBe(false);
    expect(has(cache, 7, 20)).toBe(true);
  });

  describe('an ended process stays beyond its grace period', () => {
    const forkOf = (cache: ProcessCache, tgid: number, parentTgid: number, atSeconds: number) => {
      const process = cache.addFork(fork(tgid, parentTgid, atSeconds));
      expect(process.parent?.tgid).toBe(parentTgid);
      return process;
    };

    test('while it has children, and leaves with the last one, as do those above it', () => {
      const cache = cacheOf(100);
      const top = cache.addExec(exec(7, 10));
      const middle = forkOf(cache, 8, 7, 11);
      const leaves = [forkOf(cache, 9, 8, 12), forkOf(cache, 10, 8, 12)];
      cache.end(top, exit(7, 13).header);
      cache.end(middle, exit(8, 14).header);
      cache.addExec(exec(99, 100));
      expect([has(cache, 7, 10), has(cache, 8, 11)]).toEqual([true, true]);
      expect([referencesOf(top), referencesOf(middle), referencesOf(leaves[0]!)]).toEqual([1, 2, 1]);
      cache.end(leaves[0]!, exit(9, 100).header);
      cache.addExec(exec(98, 200));
      expect([has(cache, 8, 11), has(cache, 9, 12), referencesOf(middle)]).toEqual([true, false, 1]);
      cache.end(leaves[1]!, exit(10, 200).header);
      cache.addExec(exec(97, 300));
      expect([7, 8, 10].map((tgid) => cache.latest(tgid))).toEqual([undefined, undefined, undefined]);
      expect(cache.size).toBe(4); // 97, 98, 99 and the kernel's own process
    });

    test('but is dropped before those that live when the cache is full', () => {
      const cache = cacheOf(4);
      cache.end(cache.addExec(exec(7, 10)), exit(7, 10).header);
      const child = forkOf(cache, 8, 7, 11);
      cache.addExec(exec(9, 100));
      expect(has(cache, 7, 10)).toBe(true);
      cache.addExec(exec(10, 100));
      expect([has(cache, 7, 10), has(cache, 8, 11), has(cache, 9, 100)]).toEqual([false, true, true]);
      expect(child.parent?.tgid).toBe(7);
      cache.end(child, exit(8, 101).header);
      cache.addExec(exec(11, 200));
      expect(cache.size).toBe(4);
    });

    test('however many programs it executes, in bounded time and memory', () => {
      const cache = cacheOf(50_000);
      for (let index = 0; index < 20_000; index++) {
        const ktime = BigInt(index + 1) * 1_000_000_000n;
        const parent = { parentTgid: index === 0 ? 0 : 7, parentKtime: ktime - 1_000_000_000n };
        const bytes = execBytes({ tgid: 7, ktime, execKtime: ktime, ...parent });
        cache.addExec(decodeExec(bytes, 0, bytes.length) as ExecRecord);
      }
      expect(cache.size).toBe(65);
      expect(cache.latest(7)?.parent?.parent?.parent).toBeDefined();
    });
  });

  test('when full drops ended processes first, then those not used', () => {
    const cache = cacheOf(4);
    cache.end(cache.addExec(exec(1, 10)), exit(1, 11).header);
    cache.addExec(exec(2, 11));
    cache.addExec(exec(3, 11));
    cache.addExec(exec(4, 11));
    expect(has(cache, 1, 10)).toBe(false);
    expect(has(cache, 2, 11)).toBe(true);
    cache.addExec(exec(5, 11));
    expect([2, 3, 4, 5].map((tgid) => has(cache, tgid, 11))).toEqual([true, false, true, true]);
    expect([cache.evictions, cache.losses]).toEqual([2, 1]);
    expect(cache.size).toBe(4);
    expect(cache.latest(0)).toBeDefined();
  });

  test("never drops the kernel's own process, wherever it stands when all are in use", () => {
    const cache = cacheOf(100);
    for (let tgid = 1; tgid <= 1000; tgid++) {
      cache.addExec(exec(tgid, 10));
      for (const process of cache.all()) process.touched = true;
    }
    expect(cache.size).toBe(100);
    expect(cache.latest(0)).toBeDefined();
  });

  test('stays within its bound in a storm of processes', () => {
    const cache = cacheOf(1000);
    for (let index = 0; index < 50_000; index++) {
      const process = cache.addFork(fork(10 + (index % 20_000), 1, 10 + Math.floor(index / 1000)));
      if (index % 3 === 0) cache.end(process, exit(process.tgid, 10 + Math.floor(index / 1000)).header);
    }
    expect(cache.size).toBeLessThanOrEqual(1000);
  });

  test('a process from /proc does not replace what the sensors have seen', () => {
    const cache = cacheOf(100);
    cache.addExec(exec(7, 10));
    const existing = {
      tgid: 7,
      ktimeNs: 10n * second,
      parentTgid: 1,
      parentKtimeNs: 0n,
      binary: Buffer.from('/proc/other'),
      args: Buffer.alloc(0),
      cwd: undefined,
      uid: 0,
      auid: 0,
      nsPid: 7,
    };
    expect(textOf(cache.addProcess(existing).image.binary)).toBe('/bin/7');
    const parent = cache.addProcess({ ...existing, tgid: 1, ktimeNs: 1n });
    const child = cache.addProcess({ ...existing, tgid: 9, ktimeNs: 2n });
    expect(cache.parentOf(child)).toBe(parent);
  });
});
