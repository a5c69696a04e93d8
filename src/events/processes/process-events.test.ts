import { describe, expect, test, vi } from 'vitest';
import { cat, exec, execId, type Json, opened, second, shell, startPipeline } from '../test-pipeline.ts';
import { hookOf, planOf, selectorOf } from '../test-plan.ts';
import { argvBytes, dataBytes, exitBytes, forkBytes } from '../test-record.ts';
import { processFlags } from '../wire.ts';

describe('process events', () => {
  test('exec after fork: the parent is the process that forked', () => {
    const { events, send } = startPipeline();
    send(
      exec(shell),
      forkBytes({ ...cat, parentTgid: 100, parentKtime: shell.execKtime }),
      exec({
        ...cat,
        execKtime: 25n * second,
        ktime: 25n * second,
        flags: processFlags.EXECVE | processFlags.CLONE,
        parentTgid: 100,
        parentKtime: shell.execKtime,
        binary: '/bin/cat',
        argv: ['cat', '-n', 'a b'],
      }),
    );
    const { process, parent } = events[1].process_exec;
    expect(process).toMatchObject({ binary: '/bin/cat', arguments: '-n "a b"', flags: 'execve clone' });
    expect(process.parent_exec_id).toBe(execId(shell.execKtime, 100));
    expect(parent).toEqual(events[0].process_exec.process);
  });

  test('second exec: the parent is the execution before', () => {
    const { events, send } = startPipeline();
    send(exec(cat), exec({ ...cat, execKtime: 22n * second, parentTgid: 200, parentKtime: cat.execKtime }));
    expect(events[1].process_exec.parent.exec_id).toBe(execId(cat.execKtime, 200));
  });

  test('a forked process is a copy of its parent with its own identity', () => {
    const { events, send } = startPipeline();
    send(
      exec({ ...shell, flags: processFlags.EXECVE | processFlags.ROOT_CWD, argv: ['sh', 'x'], uid: 7 }),
      forkBytes({ ...cat, parentTgid: 100, parentKtime: shell.execKtime }),
      exitBytes({ ...cat, ktime: 21n * second, code: 3 << 8 }),
    );
    expect(events[1].process_exit).toMatchObject({
      process: {
        pid: 200,
        exec_id: execId(cat.execKtime, 200),
        uid: 7,
        binary: '/bin/sh',
        arguments: 'x',
        flags: 'execve',
      },
      parent: { pid: 100 },
      status: 3,
      time: '1970-01-01T00:00:21Z',
    });
    expect(events[1].process_exit.signal).toBeUndefined();
  });

  test('a process keeps its parent after the parent has left the cache', () => {
    const { events, send, pipeline } = startPipeline({ graceSeconds: 1, processCacheSize: 3 });
    send(
      exec(shell),
      forkBytes({ ...cat, parentTgid: 100, parentKtime: shell.execKtime }),
      exitBytes({ ...shell, ktime: 21n * second, code: 0 }),
      exec({ tgid: 300, execKtime: 90n * second, ktime: 90n * second }),
      exitBytes({ ...cat, ktime: 91n * second, code: 0 }),
    );
    expect(pipeline.cache.find(100, Number(shell.execKtime & 0xffffffffn), 2)).toBeUndefined();
    expect(events.at(-1).process_exit.parent.pid).toBe(100);
  });

  test('a clock that is set back changes the time of later events, and no id', () => {
    const { events, send, pipeline } = startPipeline({ bootToWallNs: 1_000_000n * second });
    send(exec(shell));
    pipeline.clock.setOffset(996_400n * second);
    send(exec({ ...cat, parentTgid: 100, parentKtime: shell.execKtime }));
    send(exitBytes({ ...shell, ktime: 21n * second, code: 0 }));
    expect(events.map(({ time }) => time)).toEqual([
      '1970-01-12T13:46:50Z',
      '1970-01-12T12:47:00Z',
      '1970-01-12T12:47:01Z',
    ]);
    expect(events[2].process_exit.process).toEqual(events[0].process_exec.process);
    expect(events[1].process_exec.parent).toEqual(events[0].process_exec.process);
    expect(events[1].process_exec.process.exec_id).toBe(execId(cat.execKtime, 200));
  });

  test('an unknown process is reported with what the record says, and counted', () => {
    const { events, send, pipeline } = startPipeline();
    pipeline.addPlan(planOf(selectorOf(hookOf())));
    send(opened(), exitBytes({ tgid: 9, execKtime: 0n, ktime: 30n * second, code: 9 }));
    expect(events[0].process_kprobe.process).toEqual({
      exec_id: execId(cat.execKtime, 200),
      pid: 200,
      start_time: '1970-01-01T00:00:20Z',
      tid: 200,
    });
    expect(events[0].process_kprobe.parent).toBeUndefined();
    expect(events[1].process_exit).toMatchObject({ process: { exec_id: execId(0n, 9), pid: 9 }, signal: 'SIGKILL' });
    expect(pipeline.counters().unknownProcesses).toBe(2);
  });

  test('a process from /proc has the flag procFS, and becomes the parent of what it forks', () => {
    const { events, send, pipeline } = startPipeline();
    pipeline.cache.addProcess({
      tgid: 100,
      ktimeNs: shell.execKtime,
      parentTgid: 0,
      parentKtimeNs: 0n,
      binary: Buffer.from('/usr/sbin/sshd'),
      args: argvBytes(['sshd', '-D']),
      cwd: Buffer.from('/'),
      uid: 0,
      auid: 0xffffffff,
      nsPid: 100,
    });
    send(exec({ ...cat, parentTgid: 100, parentKtime: 0n }));
    expect(events[0].process_exec.parent).toMatchObject({
      binary: '/usr/sbin/sshd',
      arguments: '-D',
      flags: 'procFS rootcwd',
      parent_exec_id: execId(1n, 0),
      in_init_tree: false,
    });
  });

  test('start times of processes stay when the clock is corrected', () => {
    const { pipeline, events, send } = startPipeline();
    send(exec(shell), exec({ ...cat, parentTgid: 100, parentKtime: shell.execKtime }));
    pipeline.clock.setOffset(40n);
    send(exitBytes({ ...shell, ktime: 22n * second, code: 0 }), exitBytes({ ...cat, ktime: 23n * second, code: 0 }));
    const times = events.map((event) => Object.values<Json>(event)[0]);
    expect(times.map(({ process }) => process.start_time)).toEqual([
      '1970-01-01T00:00:10Z',
      '1970-01-01T00:00:20Z',
      '1970-01-01T00:00:10Z',
      '1970-01-01T00:00:20Z',
    ]);
    /* That of the shell is the kernel's own process. */
    const kernelStart = '1970-01-01T00:00:00.000000001Z';
    expect(times.map(({ parent }) => parent.start_time)).toEqual([
      kernelStart,
      '1970-01-01T00:00:10Z',
      kernelStart,
      '1970-01-01T00:00:10Z',
    ]);
    expect(times[3].time).toBe('1970-01-01T00:00:23.000000040Z');
  });

  test('binary: deleted, unresolved, container id', () => {
    const { events, send } = startPipeline();
    const container = '0123456789abcdef'.repeat(4);
    send(
      exec({ ...cat, binary: '/tmp/x', flags: processFlags.BINARY_DELETED, cgroup: `docker-${container}.scope` }),
      exec({ ...shell, binary: '', filename: 'run.sh', cwd: '/opt', flags: processFlags.ERROR_FILENAME }),
      exec({ ...shell, execKtime: 30n * second, cwd: '/x', flags: processFlags.NO_CWD }),
      exec({ ...shell, execKtime: 31n * second, binary: '/end/of/it', flags: processFlags.BINARY_UNRESOLVED }),
    );
    expect(events[0].process_exec.process).toMatchObject({
      binary: '/tmp/x (deleted)',
      docker: container.slice(0, 31),
    });
    expect(events[1].process_exec.process).toMatchObject({ binary: '/opt/run.sh', flags: 'errorFilename' });
    expect(events[2].process_exec.process.cwd).toBeUndefined();
    expect(events[3].process_exec.process).toMatchObject({ binary: '/end/of/it', flags: 'errorFilename' });
  });

  test('raised privileges and nameless binaries are shown with credentials', () => {
    const { events, send } = startPipeline({ withCredentials: true });
    const flags = processFlags.RAISED_SETUID | processFlags.BINARY_DELETED | processFlags.RAISED_FILE_CAPS;
    send(exec({ ...cat, flags, setuid: 0, inode: 2n ** 60n, links: 0 }));
    expect(events[0].process_exec.process.binary_properties).toEqual({
      setuid: 0,
      privileges_changed: ['PRIVILEGES_RAISED_EXEC_FILE_CAP', 'PRIVILEGES_RAISED_EXEC_FILE_SETUID'],
      file: { inode: { number: String(2n ** 60n), links: 0 } },
    });
  });
});

describe('long arguments', () => {
  const argv = ['cat', 'x'.repeat(100), 'y'.repeat(100)];
  const bytes = argvBytes(argv);

  test('the event waits for all of them', () => {
    const { events, send } = startPipeline();
    send(exec({ ...cat, argv, inline: 50 }), dataBytes(cat, 50, bytes.subarray(50, 120)));
    expect(events).toEqual([]);
    send(dataBytes(cat, 120, bytes.subarray(120)));
    expect(events[0].process_exec.process).toMatchObject({ arguments: argv.slice(1).join(' '), flags: 'execve' });
  });

  test('an exit ends the wait: the arguments are truncated, the order stays', () => {
    const { events, send, pipeline } = startPipeline();
    send(exec({ ...cat, argv, inline: 50 }), exitBytes({ ...cat, ktime: 21n * second, code: 0 }));
    expect(events.map((event) => Object.keys(event)[0])).toEqual(['process_exec', 'process_exit']);
    expect(events[0].process_exec.process).toMatchObject({ arguments: 'x'.repeat(46), flags: 'execve truncArgs' });
    expect(pipeline.counters().truncatedArguments).toBe(1);
  });

  test('a lost chunk truncates; what comes after it is counted', () => {
    const { events, send, pipeline } = startPipeline();
    send(exec({ ...cat, argv, inline: 50 }), dataBytes(cat, 120, bytes.subarray(120)));
    expect(events[0].process_exec.process.flags).toBe('execve truncArgs');
    send(dataBytes(cat, 190, bytes.subarray(190)));
    expect(pipeline.counters().orphanArguments).toBe(1);
  });

  test('flush reports programs that have waited too long', () => {
    vi.useFakeTimers();
    const { events, send, pipeline } = startPipeline();
    send(exec({ ...cat, argv, inline: 50 }));
    vi.advanceTimersByTime(900);
    pipeline.flush();
    expect(events).toEqual([]);
    vi.advanceTimersByTime(200);
    pipeline.flush();
    expect(events[0].process_exec.process.flags).toBe('execve truncArgs');
    vi.useRealTimers();
  });

  test('close reports programs that still wait', () => {
    const { events, send, pipeline } = startPipeline();
    send(exec({ ...cat, argv, inline: 50 }));
    pipeline.close();
    expect(events).toHaveLength(1);
  });
});
