import type protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { loadApi, tetragonFiles } from './api-root.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

const root = loadApi(tetragonFiles);

/** What a reader that is not ours makes of the bytes. */
function read(type: string, write: (writer: ProtobufWriter) => void): object {
  const writer = new ProtobufWriter(8);
  write(writer);
  return decode(root.lookupType(`tetragon.${type}`), writer.take());
}

function decode(type: protobuf.Type, bytes: Buffer): object {
  return type.toObject(type.decode(bytes), { longs: String, bytes: String });
}

describe('ProtobufWriter numbers', () => {
  const cases: readonly (readonly [name: string, write: (writer: ProtobufWriter) => void, expected: object])[] = [
    ['a zero that is left out', (writer) => writer.uint(15, 0), {}],
    ['a zero that is present', (writer) => writer.presentUint(15, 0), { uint_arg: 0 }],
    ['2^32 - 1', (writer) => writer.uint(15, 0xffff_ffff), { uint_arg: 0xffff_ffff }],
    ['-1', (writer) => writer.presentInt(2, -1), { int_arg: -1 }],
    ['-2^31', (writer) => writer.presentInt(2, -(2 ** 31)), { int_arg: -(2 ** 31) }],
    ['64 bits, all set', (writer) => writer.presentUint64(4, -1, -1), { size_arg: '18446744073709551615' }],
    ['the same, signed', (writer) => writer.presentUint64(11, -1, -1), { long_arg: '-1' }],
    ['2^32', (writer) => writer.presentUint64(4, 0, 1), { size_arg: '4294967296' }],
    ['2^53 - 1', (writer) => writer.uint(4, Number.MAX_SAFE_INTEGER), { size_arg: '9007199254740991' }],
    ['2^31 in 64 bits', (writer) => writer.presentUint64(4, 0x8000_0000, 0), { size_arg: '2147483648' }],
  ];
  for (const [name, write, expected] of cases) {
    test(name, () => expect(read('KprobeArgument', write)).toEqual(expected));
  }

  test('a wrapper of zero is there', () => {
    expect(read('Process', (writer) => writer.wrappedUint(2, 0))).toEqual({ pid: {} });
  });

  test('a time before 1970', () => {
    const time = read('GetEventsResponse', (writer) => writer.timestamp(1001, -2, 5));
    expect(time).toEqual({ time: { seconds: '-2', nanos: 5 } });
  });
});

describe('ProtobufWriter lengths', () => {
  for (const length of [1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
    test(`a text of ${length} bytes in two messages`, () => {
      const text = Buffer.alloc(length, 'x');
      const event = read('GetEventsResponse', (writer) => {
        const outer = writer.open(1);
        const inner = writer.open(1);
        writer.presentText(6, text, 0, length);
        writer.uint(13, 7);
        writer.close(inner);
        writer.close(outer);
        writer.string(1000, 'node');
      });
      const process = { arguments: text.toString(), refcnt: 7 };
      expect(event).toEqual({ process_exec: { process }, node_name: 'node' });
    });
  }
});

describe('ProtobufWriter text', () => {
  const cases: readonly (readonly [name: string, bytes: Buffer, expected: string])[] = [
    ['UTF-8', Buffer.from('aé€😀'), 'aé€😀'],
    ['a run of invalid bytes', Buffer.of(0x61, 0xff, 0xfe, 0x62), 'a\ufffdb'],
    ['a cut sequence', Buffer.of(0x61, 0xe2, 0x82), 'a\ufffd'],
    ['a surrogate', Buffer.of(0xed, 0xa0, 0x80, 0x7a), '\ufffdz'],
    ['200 invalid bytes apart', Buffer.alloc(400, Buffer.of(0x61, 0xff)), 'a\ufffd'.repeat(200)],
  ];
  for (const [name, bytes, expected] of cases) {
    test(name, () => {
      const message = read('KprobeError', (writer) => writer.presentText(1, bytes, 0, bytes.length));
      expect(message).toEqual({ Message: expected });
    });
  }

  test('lone surrogates of a policy', () => {
    expect(read('KprobeError', (writer) => writer.string(1, 'a\ud800b'))).toEqual({ Message: 'a\ufffdb' });
  });

  test('a process with any thread id', () => {
    const process = new ProtobufWriter();
    process.string(5, '/bin/sh');
    const middle = process.length;
    process.wrappedUint(20, 1);
    for (const tid of [0, 1, 127, 128, 4_194_304, 0xffff_ffff]) {
      const event = read('ProcessExec', (writer) => writer.splitMessage(1, process.take(), middle, 16, tid));
      const expected = { binary: '/bin/sh', tid: tid === 0 ? {} : { value: tid }, in_init_tree: { value: true } };
      expect(event).toEqual({ process: expected });
    }
  });
});
