import type { Instruction } from './instruction.ts';

/** Bytes per instruction slot. */
export const slotBytes = 8;

/** Little-endian bytes of instructions; sources and relocations are not part of them. */
export function encodeInstructions(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * slotBytes);
  const view = new DataView(bytes.buffer);
  let position = 0;
  for (const instruction of instructions) {
    view.setUint8(position, instruction.opcode);
    view.setUint8(position + 1, (instruction.src << 4) | instruction.dst);
    view.setInt16(position + 2, instruction.offset, true);
    view.setInt32(position + 4, instruction.imm, true);
    position += slotBytes;
  }
  return bytes;
}

/** The instructions in little-endian bytes. Throws RangeError when the length is not a multiple of 8. */
export function decodeInstructions(bytes: Uint8Array): Instruction[] {
  if (bytes.length % slotBytes !== 0) {
    throw new RangeError(`eBPF code of ${bytes.length} bytes is not a whole number of ${slotBytes}-byte instructions`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const instructions: Instruction[] = [];
  for (let position = 0; position < bytes.length; position += slotBytes) {
    const registers = view.getUint8(position + 1);
    instructions.push({
      opcode: view.getUint8(position),
      dst: registers & 0x0f,
      src: registers >> 4,
      offset: view.getInt16(position + 2, true),
      imm: view.getInt32(position + 4, true),
    });
  }
  return instructions;
}
