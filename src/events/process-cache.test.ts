import { describe, expect, test } from 'vitest';
import { decodeExec, decodeExit, decodeFork, type ExecRecord, type ExitRecord, type ForkRecord } from './decode.ts';
import { textOf } from './process.ts';
import { ProcessCache } from './process-cache.ts';
import { execBytes, exitBytes, forkBytes } from './test-record.ts';

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

  test('a second exec ends the execution before it', () => {
    const cache = cacheOf(100);
    cache.addExec(exec(7, 10));
    cache.addExec(exec(7, 11));
    expect(cache.latest(7)?.older).toBeDefined();
    cache.addExec(exec(8, 20));
    expect(has(cache, 7, 10)).toBe(false);
    expect(has(cache, 7, 11)).toBe(true);
  });

  test('a process whose exit was lost ends when its tgid is used again', () => {
    const cache = cacheOf(100);
    cache.addExec(exec(7, 10));
    cache.addFork(fork(7, 8, 20));
    cache.addExec(exec(9, 30));
    expect(has(cache, 7, 10)).toBe(false);
    expect(has(cache, 7, 20)).toBe(true);
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
    expect(cache.evictions).toBe(2);
    expect(cache.size).toBe(4);
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
