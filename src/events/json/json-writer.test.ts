import { describe, expect, test } from 'vitest';
import { JsonWriter } from './json-writer.ts';

function written(write: (writer: JsonWriter) => void): string {
  const writer = new JsonWriter(1);
  write(writer);
  return writer.take().toString('utf8');
}

function encodedString(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes);
  return written((writer) => writer.string(buffer, 0, buffer.length));
}

describe('JsonWriter.string', () => {
  const cases: readonly (readonly [name: string, input: string | number[], expected: string])[] = [
    ['plain text', 'abc /~', '"abc /~"'],
    ['quotes and backslashes', '"\\', '"\\"\\\\"'],
    ['short escapes', '\b\f\n\r\t', '"\\b\\f\\n\\r\\t"'],
    ['other control characters in lower-case hexadecimal', '\u0001\u001f', '"\\u0001\\u001f"'],
    ['DEL and HTML characters as they are', '\u007f<>&', '"\u007f<>&"'],
    ['UTF-8 of two, three and four bytes', 'é€😀', '"é€😀"'],
    ['a lone continuation byte', [0x61, 0x80, 0x62], '"a\ufffdb"'],
    ['a run of invalid bytes as one replacement', [0x61, 0xff, 0xfe, 0x80, 0x62], '"a\ufffdb"'],
    ['two runs as two replacements', [0xff, 0x61, 0xff], '"\ufffda\ufffd"'],
    ['an overlong form', [0xc0, 0xaf], '"\ufffd"'],
    ['a surrogate', [0xed, 0xa0, 0x80], '"\ufffd"'],
    ['a truncated sequence at the end', [0x61, 0xe2, 0x82], '"a\ufffd"'],
    ['a number beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80], '"\ufffd"'],
    ['U+10FFFF', [0xf4, 0x8f, 0xbf, 0xbf], '"\u{10ffff}"'],
    ['NUL', [0], '"\\u0000"'],
  ];
  for (const [name, input, expected] of cases) {
    test(`writes ${name}`, () => {
      expect(encodedString(typeof input === 'string' ? Buffer.from(input) : Buffer.from(input))).toBe(expected);
    });
  }

  test('gives valid JSON for random bytes, equal to a UTF-8 decoder up to runs of replacements', () => {
    let seed = 42;
    for (let round = 0; round < 2000; round++) {
      const bytes = Buffer.alloc(round % 40);
      for (let index = 0; index < bytes.length; index++) {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        bytes[index] = seed >>> 16;
      }
      const decoded = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).replace(/\ufffd+/g, '\ufffd');
      expect(JSON.parse(encodedString(bytes))).toBe(decoded);
    }
  });

  test('writes texts longer than one chunk', () => {
    const text = '€"'.repeat(20_000);
    expect(JSON.parse(encodedString(Buffer.from(text)))).toBe(text);
  });
});

describe('JsonWriter numbers', () => {
  test('writes unsigned 64-bit numbers in decimal', () => {
    const values = [
      0n,
      9n,
      10n,
      4294967295n,
      4294967296n,
      2n ** 53n - 1n,
      2n ** 53n,
      10n ** 18n,
      2n ** 63n,
      2n ** 64n - 1n,
    ];
    for (let bit = 0n; bit < 64n; bit++) values.push(2n ** bit + 1n, 10n ** (bit % 19n) - 1n);
    for (const value of values) {
      expect(written((writer) => writer.uint64(Number(value & 0xffffffffn), Number(value >> 32n)))).toBe(String(value));
    }
  });

  test('writes signed 64-bit numbers in decimal', () => {
    for (const value of [-1n, -100n, -(2n ** 32n), -(2n ** 63n), 2n ** 63n - 1n, 0n]) {
      const word = BigInt.asUintN(64, value);
      expect(written((writer) => writer.int64(Number(word & 0xffffffffn), Number(word >> 32n)))).toBe(String(value));
    }
  });

  test('writes 32-bit numbers in decimal', () => {
    for (const value of [0, 7, 10, 99, 100, 65535, 1e9, 4294967295]) {
      expect(written((writer) => writer.uint(value))).toBe(String(value));
    }
    for (const value of [-1, -100, -2147483648, 2147483647]) {
      expect(written((writer) => writer.int(value))).toBe(String(value));
    }
  });
});

test('JsonWriter.base64 agrees with Buffer for every remainder', () => {
  for (let length = 0; length < 20; length++) {
    const bytes = Buffer.from(Array.from({ length }, (_, index) => (index * 83 + 7) & 0xff));
    expect(written((writer) => writer.base64(bytes, 0, length))).toBe(bytes.toString('base64'));
  }
});
