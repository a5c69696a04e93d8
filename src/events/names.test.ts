import { expect, test } from 'vitest';
import { permissionText } from './file-mode.ts';
import { capabilitySetNames, familyName, secureBitNames, signalName } from './names.ts';

test('signalName knows standard and real-time signals', () => {
  const names = [0, 1, 9, 15, 31, 34, 36, 64].map(signalName);
  expect(names).toEqual(['', 'SIGHUP', 'SIGKILL', 'SIGTERM', 'SIGSYS', 'SIGRTMIN', 'SIGRTMIN+2', 'SIGRTMIN+30']);
});

test('capabilitySetNames spells capability 1 as Tetragon does, and unknown ones by number', () => {
  expect(capabilitySetNames(0b111, 1 << 8)).toEqual([
    'CAP_CHOWN',
    'DAC_OVERRIDE',
    'CAP_DAC_READ_SEARCH',
    'CAP_CHECKPOINT_RESTORE',
  ]);
  expect(capabilitySetNames(0, 1 << 31)).toEqual(['CAP_63']);
});

test('familyName prefers the first of two names', () => {
  expect([1, 2, 10, 16, 17, 200].map(familyName)).toEqual([
    'AF_UNIX',
    'AF_INET',
    'AF_INET6',
    'AF_NETLINK',
    'AF_PACKET',
    '200',
  ]);
});

test('secureBitNames', () => {
  expect(secureBitNames(0)).toEqual([]);
  expect(secureBitNames(0b1010_0001)).toEqual([
    'SecBitNoRoot',
    'SecBitKeepCapsLocked',
    'SecBitNoCapAmbientRaiseLocked',
  ]);
});

test('permissionText writes modes as ls does', () => {
  const modes = [
    0o100644, 0o40755, 0o104755, 0o102644, 0o41777, 0o41776, 0o20600, 0o60660, 0o10644, 0o140777, 0o120777, 0,
  ];
  expect(modes.map(permissionText)).toEqual([
    '-rw-r--r--',
    'drwxr-xr-x',
    '-rwsr-xr-x',
    '-rw-r-Sr--',
    'drwxrwxrwt',
    'drwxrwxrwT',
    'crw-------',
    'brw-rw----',
    'prw-r--r--',
    'srwxrwxrwx',
    'lrwxrwxrwx',
    '---------',
  ]);
});
