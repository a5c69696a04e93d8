import { describe, expect, test } from 'vitest';
import { collectFacts } from './facts.ts';
import { lazyRecord } from './lazy-record.ts';
import { presumeFeatures } from './presumed-features.ts';

const facts = collectFacts();

describe('collectFacts', () => {
  test('states the kernel', () => {
    expect(facts).toMatchObject({ schema: 1, machine: process.arch === 'arm64' ? 'aarch64' : 'x86_64' });
    expect(facts.release.startsWith(`${facts.version[0]}.${facts.version[1]}`)).toBe(true);
    expect(facts.syscalls['openat']).toBe(process.arch === 'arm64' ? 56 : 257);
    expect(facts.hostNamespaces['mnt']).toBeGreaterThan(0);
    expect(facts.ptRegs).toMatchObject(process.arch === 'arm64' ? { regs: 0 } : { di: 112, si: 104, dx: 96, ip: 128 });
  });

  test('has a reason for what is missing, and only for that', () => {
    for (const [feature, { available, reason }] of Object.entries(facts.features)) {
      expect(reason === '', `${feature}: ${reason}`).toBe(available);
    }
    expect(facts.features.btf.available).toBe(true);
    expect(facts.features.ringBuffer.available).toBe(true);
    expect(facts.features.rawTracepoint.available).toBe(true);
  });

  test('gives prototypes as C spells them', () => {
    expect(facts.functions['security_file_open']).toEqual({
      parameters: [{ name: 'file', type: 'struct file *', size: 8, signed: false }],
      returns: { type: 'int', size: 4, signed: true },
    });
    expect(facts.functions['no_such_function']).toBeUndefined();
    expect(facts.rawTracepoints['sched_process_exec']?.parameters.map(({ type }) => type).slice(0, 3)).toEqual([
      'struct task_struct *',
      'pid_t',
      'struct linux_binprm *',
    ]);
    expect(facts.tracepoints['sched/sched_process_exec']?.fields.at(-1)?.name).toBe('old_pid');
  });

  test('takes only what is asked for', () => {
    const few = collectFacts({ functions: ['vfs_read', 'no_such_function'], tracepoints: ['sched/sched_switch'] });
    expect(Object.keys(few.functions)).toEqual(['vfs_read']);
    expect(Object.keys(few.tracepoints)).toEqual(['sched/sched_switch']);
    expect(JSON.parse(JSON.stringify(few))).toEqual({ ...few, rawTracepoints: { ...few.rawTracepoints } });
  });
});

describe('lazyRecord', () => {
  test('computes each value once, when it is read', () => {
    const read: string[] = [];
    const record = lazyRecord(new Set(['a', 'b']), (key) => {
      read.push(key);
      return key.toUpperCase();
    });
    expect('a' in record).toBe(true);
    expect('c' in record).toBe(false);
    expect(Object.keys(record)).toEqual(['a', 'b']);
    read.splice(0);
    expect([record['b'], record['b'], record['c'], record['constructor']]).toEqual(['B', 'B', undefined, undefined]);
    expect(JSON.stringify(record)).toBe('{"a":"A","b":"B"}');
    expect({ ...record }).toEqual({ a: 'A', b: 'B' });
    expect(read.sort()).toEqual(['a', 'b']);
    expect(() => {
      (record as Record<string, string>)['a'] = 'x';
    }).toThrow(TypeError);
  });
});

describe('presumeFeatures', () => {
  const functions = new Map([
    ['register_ftrace_direct', 1],
    ['bpf_override_return', 2],
  ]);

  function available(version: [number, number, number]): string[] {
    const features = presumeFeatures({ version, functions, config: () => undefined, tracepoints: new Set() });
    return Object.entries(features)
      .filter(([, fact]) => fact.available)
      .map(([feature]) => feature);
  }

  test('goes by version and by what was compiled in', () => {
    expect(available([5, 10, 0])).toEqual(
      expect.arrayContaining(['btf', 'ringBuffer', 'fentry', 'fmodRet', 'kprobeOverride']),
    );
    expect(available([5, 10, 0])).not.toContain('atomicFetch');
    expect(available([5, 10, 0])).not.toContain('kprobeMulti');
    expect(available([6, 1, 0])).toEqual(expect.arrayContaining(['atomicFetch', 'taskStorage', 'bpfLoop']));
  });
});
