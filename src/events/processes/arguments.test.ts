import { describe, expect, test } from 'vitest';
import { JsonWriter } from '../json/json-writer.ts';
import { argumentsText, hasNoArguments, writeArguments } from './arguments.ts';
import { wholeRange } from './process.ts';

describe('arguments', () => {
  const cases: readonly (readonly [name: string, argv: string, expected: string])[] = [
    ['joined by spaces', 'cat\0a\0b\0', 'a b'],
    ['an element with a space is quoted', 'sh\0-c\0echo a b\0', '-c "echo a b"'],
    ['a quoted first element has a blank before it', 'cut\0a b\0c\0', ' "a b" c'],
    ['empty elements at the start disappear', 'x\0\0\0b\0', 'b'],
    ['empty elements in the middle stay', 'x\0a\0\0b\0', 'a  b'],
    ['empty elements at the end disappear', 'x\0a\0\0\0', 'a'],
    ['inner quotes are not escaped', 'x\0say "hi" now\0', ' "say "hi" now"'],
    ['the last element may be cut', 'x\0abc', 'abc'],
    ['an empty argv[0]', '\0a\0', 'a'],
    ['no arguments', 'x\0', ''],
    ['only empty arguments', 'x\0\0\0', ''],
    ['no argv', '', ''],
    ['a cut argv[0]', 'abc', ''],
  ];
  for (const [name, argv, expected] of cases) {
    test(name, () => {
      const range = wholeRange(Buffer.from(argv));
      const writer = new JsonWriter();
      writer.ascii('"');
      writeArguments(writer, range, Buffer.from('\\"'));
      writer.ascii('"');
      expect(JSON.parse(writer.take().toString())).toBe(expected);
      expect(argumentsText(range)).toBe(expected);
      expect(hasNoArguments(range)).toBe(expected === '');
    });
  }
});
