import { expect, test } from 'vitest';
import { BpfObject } from './bpf-object.ts';
import { onLibbpfMessage } from './libbpf-messages.ts';
import { mountTracefs, readKernelFile, readMounts, SECURITYFS, TRACEFS } from './mounts.ts';
import { compileBpf } from './testdata/compile-bpf.ts';

test('onLibbpfMessage gives formatted messages of the wanted level until it ends', () => {
  const warnings: string[] = [];
  const all: string[] = [];
  const endWarnings = onLibbpfMessage((_level, text) => warnings.push(text));
  const endAll = onLibbpfMessage((level, text) => all.push(`${level}: ${text}`), 'debug');
  const object = compileBpf('maps');
  BpfObject.open(object, 'first').close();
  expect(warnings).toEqual([]);
  expect(all.length).toBeGreaterThan(5);
  expect(all.join('\n')).toContain("debug: map 'table': found key [");
  expect(() => BpfObject.open(Buffer.alloc(100), 'nothing')).toThrow();
  expect(warnings.length).toBeGreaterThan(0);
  endAll();
  const before = all.length;
  BpfObject.open(object, 'second').close();
  expect(all).toHaveLength(before);
  endWarnings();
});

test('mountTracefs gives a mounted tracefs, again and again', () => {
  const path = mountTracefs();
  expect(mountTracefs()).toBe(path);
  expect(readMounts()).toContainEqual({ path, type: 'tracefs' });
});

test('readKernelFile reads without mounting', () => {
  const before = readMounts();
  expect(readKernelFile(TRACEFS, 'events/enable')).toMatch(/^[01X]/);
  const lsm = readKernelFile(SECURITYFS, 'lsm');
  expect(lsm === undefined || lsm.length > 0).toBe(true);
  expect(readKernelFile(TRACEFS, 'no/such/file')).toBeUndefined();
  expect(readMounts()).toEqual(before);
});
