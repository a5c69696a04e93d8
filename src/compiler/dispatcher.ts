import { FunctionBuilder, R0, R1, R2, R3, R6, R10 } from '../ebpf/function-builder.ts';
import { helpers } from '../ebpf/helper-ids.ts';
import { writeObject } from '../ebpf/object-writer.ts';

const mapTypes = { array: 2, programArray: 3 } as const;
/** A generation and its predecessor, which runs that began before a switch may still be in. */
export const generationSlots = 2;

/** Maps of a dispatcher object: the programs of one attach point, and the number of the active generation, shared by all. */
export const dispatcherMaps = { slots: 'slots', generation: 'generation' } as const;

/**
 * The program that stays attached: it jumps into the active generation's program of this attach point. Storing the
 * number of another generation switches all hooks at once. The key is read at run time: with a constant one the
 * kernel would patch the text of the program at every update.
 */
export function writeDispatcher(section: string, name: string): Uint8Array {
  const code = new FunctionBuilder(name);
  const pass = code.newLabel('pass');
  code.movReg(R6, R1);
  code.storeImm(4, R10, -4, 0).movReg(R2, R10).aluImm('add', R2, -4);
  code.loadMapPointer(R1, dispatcherMaps.generation).callHelper(helpers.map_lookup_elem.id);
  code.jumpImm('eq', R0, 0, pass);
  code.load(4, R3, R0, 0);
  code.movReg(R1, R6).loadMapPointer(R2, dispatcherMaps.slots).callHelper(helpers.tail_call.id);
  code.place(pass).movImm(R0, 0).exit();
  return writeObject({
    license: 'Dual BSD/GPL',
    defaultSource: 'dispatcher',
    programs: [{ section, function: code.build() }],
    functions: [],
    externs: [],
    maps: [
      {
        name: dispatcherMaps.slots,
        type: mapTypes.programArray,
        keySize: 4,
        valueSize: 4,
        maxEntries: generationSlots,
      },
      {
        name: dispatcherMaps.generation,
        type: mapTypes.array,
        keySize: 4,
        valueSize: 4,
        maxEntries: 1,
        flags: 1 << 10,
      },
    ],
  });
}
