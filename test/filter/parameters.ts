import { limits } from '../../src/events/wire.ts';
import type { ConcreteType } from '../../src/policy/argument-types.ts';
import type { Random } from './random.ts';

export type IntegerType =
  | 'sint8'
  | 'sint16'
  | 'sint32'
  | 'sint64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'syscall64';
export const integerTypes: readonly IntegerType[] = [
  'sint8',
  'sint16',
  'sint32',
  'sint64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'syscall64',
];

/** How the test passes a parameter: as a number, or as the address of a value of one of these shapes. */
export type Shape = 'number' | 'text' | 'path' | 'socket' | 'sockaddr';

const typesOfShape = {
  number: integerTypes,
  text: ['string', 'filename'],
  path: ['file', 'path', 'fd', 'dentry', 'linux_binprm'],
  socket: ['sock', 'socket'],
  sockaddr: ['sockaddr'],
} as const satisfies Readonly<Record<Shape, readonly ConcreteType[]>>;

/** One parameter of the hooked function; `types` are the argument types that policies may read it as. */
export interface TestParameter {
  readonly shape: Shape;
  readonly types: readonly ConcreteType[];
}

/** BPF_PROG_TEST_RUN passes that many on to a raw tracepoint program. */
export const parameterCount = 12;
/** Values of all integer types over these, with those of the process, stay within what one hook may read. */
const mostNumbers = 4;

/**
 * Parameters for one plan; those behind the last one that policies read are numbers nobody asks for. Without `given`
 * only such that real readers find in the memory of the process.
 */
export function randomParameters(random: Random, given: boolean): TestParameter[] {
  const numbers = random.between(1, mostNumbers);
  const slots = random.between(1, limits.STRING_SLOTS);
  const parameters: TestParameter[] = Array.from({ length: numbers }, () => ({ shape: 'number', types: integerTypes }));
  const shapes = given ? givenShapes : random.pick([realShapes, ['text'] as const]);
  for (let slot = 0; slot < slots; slot++) {
    const shape = random.pick<Shape>(shapes);
    parameters.push({
      shape,
      types: [given ? random.pick<ConcreteType>(typesOfShape[shape]) : typesOfShape[shape][0]],
    });
  }
  return parameters;
}

const givenShapes = ['text', 'text', 'text', 'path', 'path', 'path', 'socket', 'sockaddr'] as const;
const realShapes = ['text', 'text', 'text', 'sockaddr'] as const;
