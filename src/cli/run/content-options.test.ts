import { expect, test } from 'vitest';
import { readConfig } from '../../config/read-config.ts';
import { contentOptions, eventContent } from './content-options.ts';

function content(...args: readonly string[]) {
  return eventContent(readConfig(contentOptions, { args, environment: {}, paths: [] }).values);
}

test('nothing is added by default', () => {
  const nothing = {
    ancestors: undefined,
    users: undefined,
    clusterName: '',
    withArgumentsList: false,
    withVerdict: false,
    stacks: expect.objectContaining({ withAddresses: false }),
  };
  expect(content()).toEqual(nothing);
  expect(content('--username-metadata=disabled', '--enable-ancestors=')).toEqual(nothing);
});

test('ancestors are given as a list, of which base is always one', () => {
  const { ancestors } = content('--enable-ancestors', 'base,kprobe', '--enable-ancestors=lsm');
  expect([...ancestors!]).toEqual(['base', 'kprobe', 'lsm']);
  expect(() => content('--enable-ancestors=kprobe,lsm')).toThrow(
    '--enable-ancestors kprobe,lsm needs base too: --enable-ancestors base,kprobe,lsm',
  );
  expect(() => content('--enable-ancestors=base,krpobe')).toThrow('base, kprobe, tracepoint, loader');
});

test('names of users come from the file of the host', () => {
  expect(content('--username-metadata', 'unix').users?.nameOf(0)).toBe('root');
  expect(() => content('--username-metadata=ldap')).toThrow('one of disabled, unix');
});
