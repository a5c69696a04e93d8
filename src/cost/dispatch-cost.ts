import { writeDispatcher } from '../compiler/dispatcher.ts';
import { readObjectFunctions } from '../ebpf/object-functions.ts';
import { typicallyAssumed } from './assumptions.ts';
import { usual } from './choices.ts';
import { Machine } from './machine.ts';

let known: number | undefined;

/** Instructions from the first of a dispatcher to the first of the program that it jumps into. */
export function dispatchCost(): number {
  known ??= simulateDispatcher();
  return known;
}

function simulateDispatcher(): number {
  const name = 'dispatcher';
  const runtime = readObjectFunctions(writeDispatcher('raw_tp/sys_enter', name));
  const code = { generated: new Map(), runtime, trustedArguments: true };
  const machine = new Machine(code, typicallyAssumed, usual, new Map());
  machine.run(runtime.get(name)!);
  return machine.cost;
}
