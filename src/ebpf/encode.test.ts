import { expect, test } from 'vitest';
import { decodeInstructions, encodeInstructions } from './encode.ts';
import { FunctionBuilder, R0, R1, R2, R6, R9, R10 } from './function-builder.ts';

/**
 * Expected bytes are what `llvm-mc --triple=bpfel --mcpu=v4 --show-encoding` gives for the text in the first column;
 * fields that a relocation fills are as clang leaves them.
 */
const cases: [text: string, assemble: (builder: FunctionBuilder) => unknown, hex: string][] = [
  ['r1 = -2', (b) => b.movImm(R1, -2), 'b7 01 00 00 fe ff ff ff'],
  ['r6 = r1', (b) => b.movReg(R6, R1), 'bf 16 00 00 00 00 00 00'],
  ['w1 = 0xffffffff', (b) => b.mov32Imm(R1, 0xffff_ffff), 'b4 01 00 00 ff ff ff ff'],
  ['w2 = w1', (b) => b.mov32Reg(R2, R1), 'bc 12 00 00 00 00 00 00'],
  [
    'r1 = 0x1122334455667788 ll',
    (b) => b.loadImm64(R1, 0x1122334455667788n),
    '18 01 00 00 88 77 66 55 00 00 00 00 44 33 22 11',
  ],
  ['r1 = -1 ll', (b) => b.loadImm64(R1, -1n), '18 01 00 00 ff ff ff ff 00 00 00 00 ff ff ff ff'],
  ['r2 += -4', (b) => b.aluImm('add', R2, -4), '07 02 00 00 fc ff ff ff'],
  ['r2 -= r1', (b) => b.aluReg('sub', R2, R1), '1f 12 00 00 00 00 00 00'],
  ['r2 *= 3', (b) => b.aluImm('mul', R2, 3), '27 02 00 00 03 00 00 00'],
  ['r2 /= r1', (b) => b.aluReg('div', R2, R1), '3f 12 00 00 00 00 00 00'],
  ['r2 %= 7', (b) => b.aluImm('mod', R2, 7), '97 02 00 00 07 00 00 00'],
  ['r2 |= r1', (b) => b.aluReg('or', R2, R1), '4f 12 00 00 00 00 00 00'],
  ['w2 &= 0x80000000', (b) => b.alu32Imm('and', R2, 0x8000_0000), '54 02 00 00 00 00 00 80'],
  ['w2 ^= w1', (b) => b.alu32Reg('xor', R2, R1), 'ac 12 00 00 00 00 00 00'],
  ['r0 <<= 1', (b) => b.aluImm('lsh', R0, 1), '67 00 00 00 01 00 00 00'],
  ['r0 >>= 63', (b) => b.aluImm('rsh', R0, 63), '77 00 00 00 3f 00 00 00'],
  ['r0 s>>= r1', (b) => b.aluReg('arsh', R0, R1), 'cf 10 00 00 00 00 00 00'],
  ['r9 = -r9', (b) => b.neg(R9), '87 09 00 00 00 00 00 00'],
  ['r1 = be16 r1', (b) => b.byteSwap(R1, 16), 'dc 01 00 00 10 00 00 00'],
  ['r1 = be64 r1', (b) => b.byteSwap(R1, 64), 'dc 01 00 00 40 00 00 00'],
  ['r1 = *(u8 *)(r6 + 8)', (b) => b.load(1, R1, R6, 8), '71 61 08 00 00 00 00 00'],
  ['r1 = *(u16 *)(r6 + 8)', (b) => b.load(2, R1, R6, 8), '69 61 08 00 00 00 00 00'],
  ['r1 = *(u32 *)(r6 + 8)', (b) => b.load(4, R1, R6, 8), '61 61 08 00 00 00 00 00'],
  ['r1 = *(u64 *)(r6 + 8)', (b) => b.load(8, R1, R6, 8), '79 61 08 00 00 00 00 00'],
  ['*(u8 *)(r10 - 1) = r0', (b) => b.store(1, R10, -1, R0), '73 0a ff ff 00 00 00 00'],
  ['*(u64 *)(r10 - 16) = r0', (b) => b.store(8, R10, -16, R0), '7b 0a f0 ff 00 00 00 00'],
  ['*(u32 *)(r10 - 4) = 0', (b) => b.storeImm(4, R10, -4, 0), '62 0a fc ff 00 00 00 00'],
  ['call 1', (b) => b.callHelper(1), '85 00 00 00 01 00 00 00'],
  ['call name', (b) => b.callFunction('name'), '85 10 00 00 ff ff ff ff'],
  ['r1 = map ll', (b) => b.loadMapPointer(R1, 'map'), '18 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00'],
  ['exit', (b) => b.exit(), '95 00 00 00 00 00 00 00'],
];

test.each(cases)('encodes %s', (_, assemble, hex) => {
  const builder = new FunctionBuilder('f');
  assemble(builder);
  expect(toHex(encodeInstructions(builder.build().instructions))).toBe(hex);
});

test('encodes jumps, forwards and backwards', () => {
  const builder = new FunctionBuilder('f');
  const start = builder.newLabel();
  const end = builder.newLabel();
  builder.place(start).jumpImm('eq', R0, 5, end).jumpReg('slt', R1, R2, start).jump32Imm('set', R1, 0x8000_0000, end);
  builder.jump32Reg('ge', R1, R2, start).jump(start).place(end).exit();
  expect(toHex(encodeInstructions(builder.build().instructions))).toBe(
    [
      '15 00 04 00 05 00 00 00',
      'cd 21 fe ff 00 00 00 00',
      '46 01 02 00 00 00 00 80',
      '3e 21 fc ff 00 00 00 00',
      '05 00 fb ff 00 00 00 00',
      '95 00 00 00 00 00 00 00',
    ].join(' '),
  );
});

test('decodeInstructions gives back what was encoded', () => {
  const builder = new FunctionBuilder('f');
  for (const [, assemble] of cases) assemble(builder);
  const bytes = encodeInstructions(builder.build().instructions);
  expect(toHex(encodeInstructions(decodeInstructions(bytes)))).toBe(toHex(bytes));
  expect(decodeInstructions(bytes)[0]).toEqual({ opcode: 0xb7, dst: 1, src: 0, offset: 0, imm: -2 });
});

test('decodeInstructions refuses half an instruction', () => {
  expect(() => decodeInstructions(new Uint8Array(12))).toThrow(
    'eBPF code of 12 bytes is not a whole number of 8-byte instructions',
  );
});

function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
