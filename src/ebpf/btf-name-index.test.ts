import { expect, test } from 'vitest';
import { createNameIndex, indexByName, indexByPlace, type NamedTypes } from './btf-name-index.ts';

/** Types 1 to 5: `file`, `open_file`, without a name, `file`, `op`. */
function fiveTypes(): NamedTypes {
  const strings = Buffer.from('\0file\0open_file\0op\0');
  const offsets = [0, 1, 6, 0, 1, 16];
  return { strings, typeCount: 5, nameOffset: (id) => offsets[id]! };
}

test.each([
  { kind: 'indexByPlace', index: indexByPlace(fiveTypes()) },
  { kind: 'indexByName', index: indexByName(fiveTypes()) },
])('$kind finds whole names, the lowest accepted id first', ({ index }) => {
  expect(index.find('file', () => true)).toBe(1);
  expect(index.find('file', (id) => id > 1)).toBe(4);
  expect(index.find('open_file', () => true)).toBe(2);
  expect(index.find('op', () => true)).toBe(5);
  expect(index.find('ope', () => true)).toBeUndefined();
  expect(index.find('_file', () => true)).toBeUndefined();
  expect(index.find('file', () => false)).toBeUndefined();
  expect(index.find('', () => true)).toBeUndefined();
});

test('createNameIndex gives the same answers after many', () => {
  const index = createNameIndex(fiveTypes());
  for (let count = 0; count < 100; count++) {
    expect(index.find('file', (id) => id > 1)).toBe(4);
    expect(index.find('files', () => true)).toBeUndefined();
  }
});

test('an index of no types finds nothing', () => {
  const none: NamedTypes = { strings: Buffer.from('\0'), typeCount: 0, nameOffset: () => 0 };
  expect(indexByPlace(none).find('x', () => true)).toBeUndefined();
  expect(indexByName(none).find('x', () => true)).toBeUndefined();
});
