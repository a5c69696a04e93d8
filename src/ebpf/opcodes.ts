/**
 * Opcode bits of the eBPF instruction set (RFC 9669). An opcode is class | source or mode | operation or size.
 */

/** Low three bits. */
export const instructionClass = {
  load: 0x00,
  loadRegister: 0x01,
  store: 0x02,
  storeRegister: 0x03,
  alu32: 0x04,
  jump64: 0x05,
  jump32: 0x06,
  alu64: 0x07,
} as const;

export const classMask = 0x07;

/** Second operand of ALU and jump instructions: the immediate or the source register. */
export const sourceImmediate = 0x00;
export const sourceRegister = 0x08;

/** Bits 4-7 of ALU opcodes. */
export const aluOperation = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  mod: 0x90,
  xor: 0xa0,
  mov: 0xb0,
  arsh: 0xc0,
  end: 0xd0,
} as const;

/** Bits 4-7 of jump opcodes. */
export const jumpOperation = {
  always: 0x00,
  eq: 0x10,
  gt: 0x20,
  ge: 0x30,
  set: 0x40,
  ne: 0x50,
  sgt: 0x60,
  sge: 0x70,
  call: 0x80,
  exit: 0x90,
  lt: 0xa0,
  le: 0xb0,
  slt: 0xc0,
  sle: 0xd0,
} as const;

export const operationMask = 0xf0;

/** Bits 3-4 of load and store opcodes, by width in bytes. */
export const widthBits = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 } as const;

export const widthMask = 0x18;

/** Bits 5-7 of load and store opcodes. */
export const modeMemory = 0x60;
export const modeMask = 0xe0;

/** First slot of the two-slot 64-bit immediate load: class load, mode immediate, width 8. */
export const loadImmediate64 = 0x18;

export const callOpcode = 0x85;
export const exitOpcode = 0x95;
export const jumpOpcode = 0x05;

/** Source register field of a call to a function of the program (BPF_PSEUDO_CALL). */
export const pseudoCall = 1;
