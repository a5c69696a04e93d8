import { expect, test } from 'vitest';
import { callActivity } from './activities.ts';
import { hookCall } from './hook-call.ts';

test.each([
  ['process_kprobe', { function_name: '__x64_sys_openat' }, 'syscall openat'],
  ['process_kprobe', { function_name: '__arm64_compat_sys_open' }, 'syscall open'],
  ['process_kprobe', { function_name: 'i386/sys_mount' }, 'syscall mount'],
  ['process_kprobe', { function_name: 'sys_write' }, 'syscall write'],
  ['process_kprobe', { function_name: 'security_file_open' }, 'lsm file_open'],
  ['process_kprobe', { function_name: 'do_sys_open' }, 'function do_sys_open'],
  ['process_kprobe', {}, 'nothing'],
  ['process_lsm', { function_name: 'bpf_lsm_file_open' }, 'lsm file_open'],
  ['process_tracepoint', { subsys: 'syscalls', event: 'sys_exit_connect' }, 'syscall connect'],
  ['process_tracepoint', { subsys: 'sched', event: 'sched_process_exec' }, 'tracepoint sched/sched_process_exec'],
  ['process_uprobe', { symbol: 'SSL_read' }, 'user SSL_read'],
  ['process_usdt', { provider: 'libc', name: 'setjmp' }, 'user libc:setjmp'],
  ['process_exec', {}, 'nothing'],
])('%s %j is a call of %s', (type, event, expected) => {
  const call = hookCall(type, event);
  expect(call === undefined ? 'nothing' : `${call.kind} ${call.name}`).toBe(expected);
});

test('a permission check is a write when its mask has MAY_WRITE or MAY_APPEND', () => {
  const check = { kind: 'lsm', name: 'file_permission' } as const;
  expect([1, 2, 4, 6, 8, 0x24].map((mask) => callActivity(check, mask))).toEqual([
    'fileRead',
    'fileWrite',
    'fileRead',
    'fileWrite',
    'fileWrite',
    'fileRead',
  ]);
  expect(callActivity(check, undefined)).toBeUndefined();
});
