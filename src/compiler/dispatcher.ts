import { FunctionBuilder, R0, R2, R3 } from '../ebpf/function-builder.ts';
import { helpers } from '../ebpf/helper-ids.ts';
import { writeObject } from '../ebpf/object-writer.ts';

const programArray = 3;
/** A generation and its predecessor, which runs that began before a switch may still be in. */
export const generationSlots = 2;

/** Maps of a dispatcher object: the programs of one attach point, and the number of the active generation, shared by all. */
export const dispatcherMaps = { slots: 'slots', generation: '.data' } as const;
const generationVariable = 'generation';

/**
 * The program that stays attached: it jumps into the active generation's program of this attach point. Storing the
 * number of another generation switches all hooks at once. The key is read at run time: with a constant one the
 * kernel would patch the text of the program at every update.
 */
export function writeDispatcher(section: string, name: string): Uint8Array {
  const code = new FunctionBuilder(name);
  /* The map's value by its address: a lookup would cost a dozen instructions. R1 stays the context. */
  code.loadVariablePointer(R2, generationVariable).load(4, R3, R2, 0);
  code.loadMapPointer(R2, dispatcherMaps.slots).callHelper(helpers.tail_call.id);
  code.movImm(R0, 0).exit();
  return writeObject({
    license: 'Dual BSD/GPL',
    defaultSource: 'dispatcher',
    programs: [{ section, function: code.build() }],
    functions: [],
    externs: [],
    maps: [
      {
        name: dispatcherMaps.slots,
        type: programArray,
        keySize: 4,
        valueSize: 4,
        maxEntries: generationSlots,
      },
    ],
    variables: [generationVariable],
  });
}
