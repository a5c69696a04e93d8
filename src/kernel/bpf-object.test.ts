import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmdirSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { attachCgroup, attachRawTracepoint, attachTrace, attachTracepoint } from './attach.ts';
import { BpfMap } from './bpf-map.ts';
import { BpfObject } from './bpf-object.ts';
import { cgroupRoot } from './cgroup.ts';
import { KernelError } from './kernel-error.ts';
import { linkObjects } from './linker.ts';
import { mountTracefs } from './mounts.ts';
import { testRun } from './test-run.ts';
import { compileBpf } from './testdata/compile-bpf.ts';

const opened: BpfObject[] = [];

function open(name: string): BpfObject {
  const object = BpfObject.open(compileBpf(name), name);
  opened.push(object);
  return object;
}

function words(...values: number[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values, BigInt).buffer);
}

function bytes32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function runs(object: BpfObject): number {
  using bss = object.map('.bss').open();
  return new DataView(bss.mmap()).getUint32(object.global('runs').offset, true);
}

function kernelError(run: () => unknown): KernelError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(KernelError);
    return error as KernelError;
  }
  throw new Error('nothing was thrown');
}

afterEach(() => {
  for (const object of opened.splice(0)) {
    object.close();
  }
});

describe('BpfObject', () => {
  test('names maps and programs as in the ELF file', () => {
    const object = open('maps');
    expect(object.mapNames().sort()).toEqual(['.bss', '.rodata', 'percpu', 'table']);
    expect(object.programNames().sort()).toEqual(['add', 'on_exec', 'on_getpgid', 'on_socket']);
    expect(() => object.map('tabel')).toThrow('BPF object "maps" has no map "tabel"; it has');
    expect(() => object.program('ad')).toThrow('has no program "ad"');
  });

  test('refuses bytes that are no object', () => {
    const error = kernelError(() =>
      BpfObject.open(Buffer.from('not an ELF file, but long enough to be one'.repeat(9)), 'text'),
    );
    expect(error.message).toMatch(/^open BPF object "text": .*not a BPF ELF object/);
  });

  test('sets globals before load and runs a program', () => {
    const object = open('maps');
    object.setGlobal('offset32', 0xfff0);
    object.setGlobal('offset64', -0x8000n);
    object.setGlobal('bytes', Uint8Array.of(1, 2, 3, 7));
    expect(() => object.setGlobal('offset32', 2 ** 32)).toThrow(
      '4294967296 does not fit the 4 bytes of global "offset32"',
    );
    expect(() => object.setGlobal('bytes', Uint8Array.of(1))).toThrow('has 4 bytes, not 1');
    expect(() => object.setGlobal('missing', 1)).toThrow('has no global variable "missing"');
    object.load();
    const { returnValue } = testRun(object.program('add').fd, { context: words(1, 2) });
    expect(returnValue).toBe(1 + 2 + 0xfff0 - 0x8000 + 7);
    expect(runs(object)).toBe(1);
    expect(() => object.setGlobal('offset32', 1)).toThrow('is set after load');
  });

  test('loads only programs with autoload', () => {
    const object = open('maps');
    object.program('on_socket').setAutoload(false);
    object.load();
    expect(object.program('add').fd).toBeGreaterThan(0);
    expect(() => object.program('on_socket').fd).toThrow('is not loaded');
  });

  test('reuses a map and changes sizes before load', () => {
    const object = open('maps');
    using shared = BpfMap.create({ type: 'hash', name: 'shared', keySize: 4, valueSize: 8, maxEntries: 32 });
    object.map('table').setMaxEntries(32);
    object.map('table').reuse(shared.fd);
    object.load();
    shared.update(bytes32(40), words(1000));
    expect(testRun(object.program('add').fd, { context: words(40, 0) }).returnValue).toBe(40 + 1000 + 5);
    using loaded = object.map('table').open();
    expect(loaded.maxEntries).toBe(32);
  });

  test('names the refused program, the source line and the reason', () => {
    const object = open('refused');
    const error = kernelError(() => object.load());
    expect(error.call).toBe('load program "reads_a_number" of "refused"');
    expect(error.errnoName).toBe('EACCES');
    expect(error.message).toMatch(
      /R1 invalid mem access '(scalar|inv)', at (.*refused\.bpf\.c:11: )?return \*pointer;/,
    );
    expect(error.verifierLog).toContain('invalid mem access');
  });

  test('knows that it is closed', () => {
    const object = open('maps');
    const map = object.map('table');
    object.close();
    object.close();
    expect(() => map.maxEntries).toThrow('map "table" is used after BPF object "maps" was closed');
    expect(() => object.load()).toThrow('BPF object "maps" is used after close');
  });
});

describe('linkObjects', () => {
  test('joins a caller with its runtime', () => {
    using object = BpfObject.open(linkObjects([compileBpf('library'), compileBpf('caller')]), 'linked');
    object.load();
    expect(testRun(object.program('call_doubled').fd, { context: words(21) }).returnValue).toBe(42);
  });

  test('names the missing function', () => {
    const alone = linkObjects([compileBpf('caller')]);
    expect(kernelError(() => BpfObject.open(alone, 'alone').load()).message).toContain("extern 'doubled'");
  });

  test('says what is wrong with an object', () => {
    expect(kernelError(() => linkObjects([Buffer.from('no object at all')])).call).toBe('link object 0');
  });
});

describe('testRun', () => {
  test('runs the program each time', () => {
    const object = open('maps');
    object.load();
    const { fd } = object.program('add');
    const context = words(1, 2);
    for (let index = 0; index < 50_000; index++) {
      testRun(fd, { context });
    }
    expect(runs(object)).toBe(50_000);
  });

  test('explains a refused context', () => {
    const object = open('maps');
    object.load();
    expect(kernelError(() => testRun(object.program('add').fd, { context: words(1) })).hint).toContain('as long as');
  });
});

describe('attach', () => {
  test('raw tracepoint', () => {
    const object = open('maps');
    object.load();
    const link = attachRawTracepoint(object.program('on_exec'), 'sched_process_exec');
    spawnSync('/bin/true');
    const seen = runs(object);
    expect(seen).toBeGreaterThan(0);
    link.close();
    link.close();
    expect(() => link.fd).toThrow('is used after close');
    const after = runs(object);
    spawnSync('/bin/true');
    expect(runs(object)).toBe(after);
  });

  test('tracepoint', () => {
    mountTracefs();
    const object = open('maps');
    object.load();
    using _link = attachTracepoint(object.program('on_getpgid'), 'syscalls', 'sys_enter_getpgid');
    spawnSync('python3', ['-c', 'import os; os.getpgid(0)']);
    spawnSync('perl', ['-e', 'getpgrp 1']);
    expect(runs(object)).toBeGreaterThan(0);
  });

  test('cgroup', () => {
    const root = cgroupRoot();
    if (!root) {
      console.warn('skipped: no cgroup2 mount');
      return;
    }
    const object = open('maps');
    object.load();
    const path = `${root}/jatai-test-${process.pid}`;
    mkdirSync(path);
    const fd = openSync(path, 'r');
    attachCgroup(object.program('on_socket'), fd).close();
    closeSync(fd);
    rmdirSync(path);
  });

  test('names the hook that does not exist', () => {
    const object = open('maps');
    object.load();
    const error = kernelError(() => attachRawTracepoint(object.program('on_exec'), 'no_such_event'));
    expect(error.call).toBe('attach raw_tracepoint program "on_exec" to no_such_event');
    expect(error.errnoName).toBe('ENOENT');
    expect(kernelError(() => attachTracepoint(object.program('on_getpgid'), 'sched', 'nothing')).message).toContain(
      'sched/nothing',
    );
    expect(kernelError(() => attachTrace(object.program('on_exec'))).call).toContain('attach raw_tp program');
  });

  test('names the function that does not exist', () => {
    const object = open('maps');
    const program = object.program('add');
    program.setType('fentry');
    expect(kernelError(() => program.setAttachTarget('no_such_function')).message).toMatch(
      /to "no_such_function": E\w+/,
    );
  });
});
