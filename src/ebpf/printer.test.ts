import { expect, test } from 'vitest';
import { FunctionBuilder, R0, R1, R2, R6, R10 } from './function-builder.ts';
import { printInstructions } from './printer.ts';

test('printInstructions shows labels, source lines and names', () => {
  const source = (line: number, text: string) => ({ file: 'policy.yaml', line, text });
  const builder = new FunctionBuilder('hook_main');
  const again = builder.newLabel('again');
  const out = builder.newLabel('out');
  builder.movReg(R6, R1).line(source(3, '    - index: 0')).place(again).load(8, R1, R6, 8).jumpImm('sgt', R1, -5, out);
  builder.jump32Reg('ne', R1, R2, again).loadImm64(R2, 0x8000_0000_0000_0001n);
  builder.line(source(4, '      operator: Equal')).loadMapPointer(R1, 'values').callHelper(1).callHelper(9999);
  builder.callFunction('read_path').storeImm(4, R10, -4, 7).store(1, R10, -8, R0).line(undefined);
  builder.byteSwap(R0, 32).neg(R0).alu32Imm('add', R0, -1).aluReg('arsh', R0, R1).mov32Reg(R0, R1);
  builder.jump(again).place(out).exit();
  expect(printInstructions(builder.build())).toBe(`hook_main:
   0: r6 = r1
again:
; - index: 0 @ policy.yaml:3
   1: r1 = *(u64 *)(r6 +8)
   2: if r1 s> -5 goto out
   3: if w1 != w2 goto again
   4: r2 = 0x8000000000000001
; operator: Equal @ policy.yaml:4
   6: r1 = map[values]
   8: call map_lookup_elem#1
   9: call helper#9999
  10: call read_path
  11: *(u32 *)(r10 -4) = 7
  12: *(u8 *)(r10 -8) = r0
;
  13: r0 = be32 r0
  14: r0 = -r0
  15: w0 += -1
  16: r0 s>>= r1
  17: w0 = w1
  18: goto again
out:
  19: exit
`);
});

test('printInstructions shows unknown opcodes as numbers', () => {
  const atomic = { opcode: 0xdb, dst: 1, src: 2, offset: 8, imm: 0 };
  const text = printInstructions({ name: 'f', instructions: [atomic], labels: new Map() });
  expect(text).toBe('f:\n   0: .opcode 0xdb dst=1 src=2 offset=8 imm=0\n');
});
