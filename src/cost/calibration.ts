import { FunctionBuilder, R0, R1, R2, R3, R10 } from '../ebpf/function-builder.ts';
import { helpers } from '../ebpf/helper-ids.ts';
import type { BuiltFunction } from '../ebpf/instruction.ts';
import { writeObject } from '../ebpf/object-writer.ts';
import { typicallyAssumed } from './assumptions.ts';
import { usual } from './choices.ts';
import { Machine } from './machine.ts';

/** A program whose run time tells how long an instruction takes on a machine. */
export interface CalibrationProgram {
  /** To load. The program takes a packet, so that BPF_PROG_TEST_RUN repeats and times it. */
  readonly object: Uint8Array;
  readonly name: string;
  /** Machine instructions of one run, by the same count as those of policies. */
  readonly instructions: number;
  /** Map in which the program looks, and the 4-byte keys that it has to find there. */
  readonly map: string;
  readonly keys: number;
  readonly valueSize: number;
}

/** Blocks in the mix of a guard: a lookup, a copy from the kernel, and comparisons of words. */
const blocks = 24;
const comparisons = 8;
const copied = 16;
const hashMap = 1;
const map = 'known';
const valueSize = 64;

export function calibrationProgram(): CalibrationProgram {
  const code = calibrationCode();
  const machine = new Machine(
    { generated: new Map(), runtime: new Map(), trustedArguments: true },
    typicallyAssumed,
    usual,
    new Map(),
  );
  machine.run(code);
  const object = writeObject({
    license: 'Dual BSD/GPL',
    defaultSource: 'calibration',
    programs: [{ section: 'tc', function: code }],
    functions: [],
    externs: [],
    maps: [{ name: map, type: hashMap, keySize: 4, valueSize, maxEntries: 1024 }],
  });
  return { object, name: code.name, instructions: machine.cost, map, keys: blocks, valueSize };
}

function calibrationCode(): BuiltFunction {
  const code = new FunctionBuilder('calibration');
  for (let at = 8; at <= 2 * copied; at += 8) code.storeImm(8, R10, -at, 0);
  for (let block = 0; block < blocks; block++) {
    code.storeImm(4, R10, -4, block).movReg(R2, R10).aluImm('add', R2, -4);
    code.loadMapPointer(R1, map).callHelper(helpers.map_lookup_elem.id);
    code.movReg(R1, R10).aluImm('add', R1, -copied).movImm(R2, copied);
    code
      .movReg(R3, R10)
      .aluImm('add', R3, -2 * copied)
      .callHelper(helpers.probe_read_kernel.id);
    for (let word = 0; word < comparisons; word++) {
      const next = code.newLabel('next');
      code.load(8, R1, R10, -8 - 8 * (word % 2)).loadImm64(R2, 0x1234_5678_9abc_def0n + BigInt(word));
      code.jumpReg('ne', R1, R2, next);
      code.storeImm(8, R10, -24, 1);
      code.place(next);
    }
  }
  return code.movImm(R0, 0).exit().build();
}
