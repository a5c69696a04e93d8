import { expect, test } from 'vitest';
import { FunctionBuilder, R0, R1, R2, R10, type Register } from './function-builder.ts';

test('jumps reach labels placed before and after them', () => {
  const builder = new FunctionBuilder('f');
  const back = builder.newLabel('back');
  const out = builder.newLabel('out');
  builder.place(back).jumpImm('eq', R1, 0, out).loadImm64(R2, 1n).jump(back).place(out).exit();
  const { instructions, labels } = builder.build();
  expect(instructions[0]!.offset).toBe(3);
  expect(instructions[3]!.offset).toBe(-4);
  expect([...labels]).toEqual([
    [4, 'out'],
    [0, 'back'],
  ]);
});

test('a hint used twice gives two names', () => {
  const builder = new FunctionBuilder('f');
  const [first, second] = [builder.newLabel('next'), builder.newLabel('next')];
  builder.jumpImm('eq', R1, 0, second).place(first).jumpImm('eq', R1, 1, first).place(second).exit();
  expect([...builder.build().labels.values()]).toEqual(['next.1', 'next']);
});

test('instructions carry the source line that was set before them', () => {
  const source = { file: 'policy.yaml', line: 7, text: '- index: 0' };
  const builder = new FunctionBuilder('f').movImm(R0, 0).line(source).movImm(R0, 1).line(undefined).exit();
  expect(builder.build().instructions.map((instruction) => instruction.source)).toEqual([undefined, source, undefined]);
});

test.each([
  [0, 1],
  [-1, 1],
  [0x7fff_ffff, 1],
  [0x8000_0000, 1],
  [0xffff_ffffn, 1],
  [-0x8000_0000, 1],
  [-0x8000_0001, 2],
  [0x1_0000_0000, 2],
  [0xffff_ffff_ffff_ffffn, 1],
  [0x8000_0000_0000_0000n, 2],
])('loadImm of %s takes %i slots', (value, slots) => {
  expect(new FunctionBuilder('f').loadImm(R0, value).length).toBe(slots);
});

test('the longest jump fits, one more does not', () => {
  expect(jumpOver(32767).build().instructions[0]!.offset).toBe(32767);
  expect(() => jumpOver(32768).build()).toThrow(
    'far, instruction 0: label "out" is 32768 instructions away: a jump reaches 32767',
  );
});

function jumpOver(count: number): FunctionBuilder {
  const builder = new FunctionBuilder('far');
  const out = builder.newLabel('out');
  builder.jumpImm('eq', R1, 0, out);
  for (let index = 0; index < count; index++) builder.movImm(R0, 0);
  return builder.place(out).exit();
}

const foreign = new FunctionBuilder('other').newLabel('there');

const mistakes: [message: string, make: (builder: FunctionBuilder) => unknown][] = [
  ['label "nowhere" is never placed', (b) => b.jump(b.newLabel('nowhere')).build()],
  ['label "here" is placed twice', (b) => placeTwice(b)],
  ['label "there" belongs to function "other"', (b) => b.jump(foreign)],
  ['label "end" stands after the last instruction', (b) => jumpToEnd(b)],
  ['immediate 2147483648 does not fit 32 bits signed: use loadImm', (b) => b.movImm(R0, 2 ** 31)],
  ['immediate 1.5 does not fit 32 bits signed', (b) => b.aluImm('add', R0, 1.5)],
  ['immediate 4294967296 does not fit 32 bits', (b) => b.alu32Imm('or', R0, 2 ** 32)],
  ['immediate 18446744073709551616 does not fit 64 bits', (b) => b.loadImm(R0, 1n << 64n)],
  ['immediate 9007199254740992 is not a safe integer', (b) => b.loadImm(R0, 2 ** 53)],
  ['memory offset 32768 does not fit 16 bits signed', (b) => b.load(8, R0, R1, 32768)],
  ['mod by the immediate 0', (b) => b.aluImm('mod', R0, 0)],
  ['rsh by 64: a shift of 64 bits takes 0 to 63', (b) => b.aluImm('rsh', R0, 64)],
  ['lsh by 32: a shift of 32 bits takes 0 to 31', (b) => b.alu32Imm('lsh', R0, 32)],
  ['R10 is the frame pointer and cannot be written', (b) => b.movImm(R10 as Register, 1)],
];

test.each(mistakes)('refuses: %s', (message, make) => {
  expect(() => make(new FunctionBuilder('f'))).toThrow(message);
});

function placeTwice(builder: FunctionBuilder): void {
  const label = builder.newLabel('here');
  builder.place(label).place(label);
}

function jumpToEnd(builder: FunctionBuilder): void {
  const label = builder.newLabel('end');
  builder.jumpImm('eq', R0, 0, label).place(label).build();
}

test('a jump to the next instruction is taken out', () => {
  const builder = new FunctionBuilder('f');
  const [behind, end] = [builder.newLabel('behind'), builder.newLabel('end')];
  builder.jumpImm('eq', R0, 0, behind).jump(end).place(behind).place(end).exit();
  expect(builder.build().instructions.map(({ offset }) => offset)).toEqual([0, 0]);
});

test('a jump to a jump goes where that one goes, and what nothing reaches is taken out', () => {
  const builder = new FunctionBuilder('f');
  const [other, hop, end] = [builder.newLabel('other'), builder.newLabel('hop'), builder.newLabel('end')];
  builder.jumpImm('eq', R1, 0, other).movImm(R0, 1).jump(hop).place(other).movImm(R0, 0).exit();
  builder.place(hop).jump(end).movImm(R0, 2).place(end).exit();
  const { instructions, labels } = builder.build();
  expect(instructions.map(({ offset }) => offset)).toEqual([2, 0, 2, 0, 0, 0]);
  expect([...labels]).toEqual([
    [3, 'other'],
    [5, 'end'],
  ]);
});

test('jumps in a circle stay', () => {
  const builder = new FunctionBuilder('f');
  const [first, second] = [builder.newLabel('first'), builder.newLabel('second')];
  builder.jumpImm('eq', R1, 0, second).exit().place(first).jump(second).place(second).jump(first);
  expect(() => builder.build()).not.toThrow();
});
