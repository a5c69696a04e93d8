import { btfKind } from './btf-format.ts';
import type { BtfFile, TypeId } from './btf-reader.ts';
import type { ExternSpec, ValueType } from './object-writer.ts';

/**
 * Describes a function of another object, so that generated code can call it, from the `.BTF` of that object. Undefined
 * when there is no such function; throws when a type is neither `unsigned long long` nor `void *`, which the linker
 * would refuse with less to say.
 */
export function externFrom(btf: BtfFile, name: string): ExternSpec | undefined {
  const prototype = btf.prototypeOf(name);
  if (prototype === undefined) return undefined;
  const parameters = prototype.parameters.map(({ type }, index) => valueType(btf, type, `${name}, parameter ${index}`));
  const returns = valueType(btf, prototype.returns, `${name}, result`);
  return { name, parameterCount: parameters.length, parameters, returns };
}

function valueType(btf: BtfFile, id: TypeId, place: string): ValueType {
  const target = btf.pointerTarget(id);
  if (target !== undefined && btf.kindOf(btf.resolve(target)) === btfKind.void) return 'pointer';
  if (btf.nameOf(btf.resolve(id)) === 'unsigned long long') return 'u64';
  throw new Error(`${place} is ${btf.typeName(id)}: a function called by generated code takes u64 and void * only`);
}
