import { closeSync, openSync, rmSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import type { KernelFeature } from '../compiler/kernel-facts.ts';
import { attachKprobe, attachKprobeMulti, attachLsm, attachTrace, type Link } from './attach.ts';
import { BpfObject } from './bpf-object.ts';
import { collectFacts } from './facts.ts';
import { mountBpffs } from './mounts.ts';
import type { ObjectProgram } from './object-program.ts';
import { compileBpf } from './testdata/compile-bpf.ts';

const { features } = collectFacts({ functions: [], tracepoints: [] });
const opened: Disposable[] = [];

function testWith(feature: KernelFeature, name: string, run: () => void | Promise<void>): void {
  test(name, (context) => {
    const { available, reason } = features[feature];
    if (!available) context.skip(reason);
    return run();
  });
}

class Hooks {
  readonly object = BpfObject.open(compileBpf('hooks'), 'hooks');
  #words = new Uint32Array();

  /** Loads one program only. */
  load(name: string, prepare?: (program: ObjectProgram) => void): ObjectProgram {
    opened.push(this.object);
    for (const other of this.object.programNames()) {
      this.object.program(other).setAutoload(other === name);
    }
    prepare?.(this.object.program(name));
    this.object.load();
    const bss = this.object.map('.bss').open();
    opened.push(bss);
    this.#words = new Uint32Array(bss.mmap());
    this.set('pid', process.pid);
    return this.object.program(name);
  }

  set(name: string, value: number): void {
    this.#words[this.object.global(name).offset / 4] = value;
  }

  runs(): number {
    return this.#words[this.object.global('runs').offset / 4]!;
  }
}

/** Not a file of an overlay, where each opening runs the hook twice: for the file and for what is below it. */
function openFile(): void {
  closeSync(openSync('/proc/version', 'r'));
}

function runsDuring(hooks: Hooks, work: () => void): number {
  const start = hooks.runs();
  work();
  return hooks.runs() - start;
}

/** The program runs for each opening while it is attached, and not after. */
function checkCounts(hooks: Hooks, link: Link): void {
  expect(runsDuring(hooks, openFile)).toBe(1);
  expect(runsDuring(hooks, openFile)).toBe(1);
  link.close();
  expect(runsDuring(hooks, openFile)).toBe(0);
}

function checkRefuses(hooks: Hooks, link: Link): void {
  openFile();
  hooks.set('refuse', 1);
  let refused: unknown;
  try {
    openFile();
  } catch (error) {
    refused = error;
  }
  hooks.set('refuse', 0);
  expect(refused).toMatchObject({ code: 'EPERM' });
  checkCounts(hooks, link);
}

afterEach(() => {
  for (const item of opened.splice(0).reverse()) {
    item[Symbol.dispose]();
  }
});

describe('attach', () => {
  testWith('kprobe', 'kprobe', () => {
    const hooks = new Hooks();
    const program = hooks.load('kprobe_open');
    checkCounts(hooks, attachKprobe(program, { function: 'security_file_open' }));
    checkCounts(hooks, attachKprobe(program, { function: 'security_file_open', retprobe: true }));
    expect(() => attachKprobe(program, { function: 'no_such_function' })).toThrow(
      /attach kprobe program "kprobe_open" to no_such_function: .*E\w+ \(no such function/,
    );
  });

  testWith('kprobeMulti', 'kprobe.multi', () => {
    const hooks = new Hooks();
    const program = hooks.load('kprobe_open', (unloaded) => unloaded.setType('kprobe.multi'));
    const functions = ['security_file_open', 'security_quotactl', 'security_syslog'];
    checkCounts(hooks, attachKprobeMulti(program, { functions }));
    checkCounts(hooks, attachKprobeMulti(program, { functions, retprobe: true }));
    expect(() => attachKprobeMulti(program, { functions: ['no_such_function'] })).toThrow('to 1 functions');
  });

  testWith('fentry', 'fentry and fexit', () => {
    const entry = new Hooks();
    checkCounts(entry, attachTrace(entry.load('fentry_open')));
    const exit = new Hooks();
    checkCounts(exit, attachTrace(exit.load('fexit_open')));
  });

  testWith('fentry', 'fentry with a target set at run time', () => {
    const hooks = new Hooks();
    const program = hooks.load('kprobe_open', (unloaded) => {
      unloaded.setType('fentry');
      unloaded.setAttachTarget('security_file_open');
    });
    checkCounts(hooks, attachTrace(program));
  });

  testWith('fmodRet', 'fmod_ret refuses', () => {
    const hooks = new Hooks();
    checkRefuses(hooks, attachTrace(hooks.load('fmod_ret_open')));
  });

  testWith('lsm', 'lsm refuses', () => {
    const hooks = new Hooks();
    checkRefuses(hooks, attachLsm(hooks.load('lsm_open')));
  });

  testWith('fentry', 'a pinned link survives its object', async () => {
    const path = `${mountBpffs()}/jatai-link-${process.pid}`;
    const hooks = new Hooks();
    const link = attachTrace(hooks.load('fentry_open'));
    link.pin(path);
    link.close();
    expect(runsDuring(hooks, openFile)).toBe(1);
    rmSync(path);
    // The kernel detaches a link whose last reference is a file some time after the file is gone.
    await expect.poll(() => runsDuring(hooks, openFile)).toBe(0);
  });
});
