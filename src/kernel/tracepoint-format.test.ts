import { expect, test } from 'vitest';
import { listTracepoints, parseTracepointFormat, readTracepointFormat } from './tracepoint-format.ts';

function field(line: string, subsystem?: string): unknown {
  return parseTracepointFormat(`name: x\nID: 7\nformat:\n\tfield:${line}\n\nprint fmt: "x"\n`, subsystem).fields[0];
}

test('parseTracepointFormat knows scalars, arrays and data locations', () => {
  expect(field('unsigned long long  when;\toffset:8;\tsize:8;\tsigned:0;')).toEqual({
    name: 'when',
    type: 'unsigned long long',
    offset: 8,
    size: 8,
    signed: false,
    shape: 'scalar',
  });
  expect(field('char comm[16];\toffset:8;\tsize:16;\tsigned:0;')).toMatchObject({
    name: 'comm',
    type: 'char',
    shape: 'array',
  });
  expect(field('__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;')).toMatchObject({
    name: 'filename',
    type: 'char',
    shape: 'dataLocation',
    size: 4,
  });
  expect(field('struct sock  *sk;\toffset:8;\tsize:8;\tsigned:0;')).toMatchObject({
    name: 'sk',
    type: 'struct sock *',
  });
  expect(field('const void * skaddr;\toffset:8;\tsize:8;\tsigned:0;')).toMatchObject({
    name: 'skaddr',
    type: 'void *',
  });
  expect(field('__u8 saddr[sizeof(struct sockaddr_in6)];\toffset:8;\tsize:28;\tsigned:0;')).toMatchObject({
    name: 'saddr',
    type: '__u8',
    shape: 'array',
  });
});

test('parseTracepointFormat marks pointers of system calls as the caller’s', () => {
  const line = 'const char * const * argv;\toffset:24;\tsize:8;\tsigned:0;';
  expect(field(line, 'syscalls')).toMatchObject({ name: 'argv', type: 'char **', user: true });
  expect(field(line, 'sched')).not.toHaveProperty('user');
});

test('parseTracepointFormat refuses other text', () => {
  expect(() => parseTracepointFormat('name: x')).toThrow('without an "ID:" line');
});

test('readTracepointFormat reads the kernel’s own', () => {
  const format = readTracepointFormat('sched', 'sched_process_exec');
  expect(format?.id).toBeGreaterThan(0);
  expect(format?.fields.find(({ name }) => name === 'filename')).toMatchObject({ shape: 'dataLocation', offset: 8 });
  expect(readTracepointFormat('sched', 'nothing')).toBeUndefined();
  expect(listTracepoints()).toContain('sched/sched_process_exec');
});

test('every tracepoint of the kernel has named fields', () => {
  for (const tracepoint of listTracepoints()) {
    const [subsystem, event] = tracepoint.split('/');
    for (const { name, type } of readTracepointFormat(subsystem!, event!)?.fields ?? []) {
      expect(`${tracepoint}: ${type}: ${name}`).toMatch(/^\S+: \S.*: \w+$/);
    }
  }
});
