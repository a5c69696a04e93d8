import { BtfBuilder } from './btf-builder.ts';
import { type CodeSection, type PlacedFunction, writeBtfExt } from './btf-ext-writer.ts';
import { btfLinkage } from './btf-format.ts';
import { ByteWriter } from './byte-writer.ts';
import { relocation64To32, relocation64To64, sectionFlag, symbolBinding, symbolType } from './elf-format.ts';
import { type ElfRelocation, type ElfSection, type ElfSymbol, writeElf } from './elf-writer.ts';
import { slotBytes } from './encode.ts';
import type { BuiltFunction, Relocation } from './instruction.ts';
import { exitOpcode, jumpOpcode } from './opcodes.ts';

/** C type of a parameter or result: `unsigned long long` or `void *`. */
export type ValueType = 'u64' | 'pointer';

export interface ProgramSpec {
  /** How libbpf finds type and hook: `fentry/security_file_open`, `raw_tp/sys_enter`. */
  readonly section: string;
  /** Becomes the global `int name(unsigned long long *ctx)`. */
  readonly function: BuiltFunction;
}

export interface SubprogramSpec {
  /** Becomes a static function of u64 parameters in `.text`. */
  readonly function: BuiltFunction;
  readonly parameterCount: number;
}

export interface ExternSpec {
  readonly name: string;
  readonly parameterCount: number;
  /** The linker wants the same C types as in the definition (`externFrom` reads them). Default: all u64. */
  readonly parameters?: readonly ValueType[];
  /** Default: u64. */
  readonly returns?: ValueType;
}

export interface MapSpec {
  readonly name: string;
  /** `enum bpf_map_type`. */
  readonly type: number;
  /** Bytes; 0 leaves it out, as ring buffers need. */
  readonly keySize: number;
  /** Bytes; 0 leaves it out. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `BPF_F_*`; 0 by default. */
  readonly flags?: number;
}

export interface ObjectSpec {
  /** `Dual BSD/GPL`; has to be the same in all objects linked together. */
  readonly license: string;
  /** File name in line records of instructions without a source line. */
  readonly defaultSource: string;
  readonly programs: readonly ProgramSpec[];
  readonly functions: readonly SubprogramSpec[];
  /** Functions defined in another object; those that nothing calls are left out. */
  readonly externs: readonly ExternSpec[];
  readonly maps: readonly MapSpec[];
  /** Global 4-byte integers, 0 at first: libbpf makes one map, `.data`, of all of them. */
  readonly variables?: readonly string[];
}

/**
 * A relocatable BPF ELF object as clang would make it, for libbpf's linker and loader. The same specification gives
 * the same bytes. Throws an Error naming function and symbol when a call or map is not in the specification.
 */
export function writeObject(spec: ObjectSpec): Uint8Array {
  const btf = new BtfBuilder();
  const types = declareBaseTypes(btf);
  const symbols = new SymbolSet();
  const called = calledFunctions(spec);
  for (const extern of spec.externs) {
    if (called.has(extern.name)) addExtern(extern, btf, types, symbols);
  }
  const maps = layMaps(spec.maps, btf, types, symbols);
  const variables = layVariables(spec.variables ?? [], btf, types, symbols);
  const license = layLicense(spec.license, btf, types, symbols);
  const code = layCode(spec, btf, types, symbols);
  const ext = writeBtfExt(code, btf.strings, spec.defaultSource);
  const data = [...maps, ...variables, license, metadata('.BTF', btf.finish()), metadata('.BTF.ext', ext)];
  return writeElf([...code.map((section) => codeSection(section, symbols)), ...data], symbols.all);
}

function calledFunctions(spec: ObjectSpec): Set<string> {
  const names = new Set<string>();
  for (const { function: fn } of [...spec.programs, ...spec.functions]) {
    for (const { kind, symbol } of fn.relocations.values()) if (kind === 'call') names.add(symbol);
  }
  return names;
}

interface BaseTypes {
  readonly int: number;
  readonly char: number;
  readonly u64: number;
  readonly pointer: number;
  readonly u64Pointer: number;
}

/** Names as clang spells them: the linker compares them with those of the other object. */
function declareBaseTypes(btf: BtfBuilder): BaseTypes {
  const int = btf.int('int', 4, true);
  const char = btf.int('char', 1, true);
  const u64 = btf.int('unsigned long long', 8, false);
  return { int, char, u64, pointer: btf.pointer(0), u64Pointer: btf.pointer(u64) };
}

class SymbolSet {
  readonly #byName = new Map<string, ElfSymbol>();

  get all(): ElfSymbol[] {
    return [...this.#byName.values()];
  }

  add(symbol: ElfSymbol): void {
    if (!/^[A-Za-z_]\w*$/.test(symbol.name)) throw new Error(`symbol "${symbol.name}" is not a C identifier`);
    if (this.#byName.has(symbol.name)) throw new Error(`symbol "${symbol.name}" is defined twice in one object`);
    this.#byName.set(symbol.name, symbol);
  }

  get(name: string): ElfSymbol | undefined {
    return this.#byName.get(name);
  }
}

function addExtern(extern: ExternSpec, btf: BtfBuilder, types: BaseTypes, symbols: SymbolSet): void {
  const { name, parameterCount, parameters = Array<ValueType>(parameterCount).fill('u64'), returns = 'u64' } = extern;
  checkParameterCount(name, parameterCount);
  if (parameters.length !== parameterCount) {
    throw new Error(`function ${name}: ${parameterCount} parameters but ${parameters.length} types`);
  }
  const named = parameters.map((type, index) => ({ name: `a${index}`, type: types[type] }));
  btf.func(name, btf.prototype(types[returns], named), btfLinkage.extern);
  symbols.add({ name, binding: symbolBinding.global, type: symbolType.none, value: 0, size: 0 });
}

/** Arguments go in R1 to R5 and nowhere else. */
function checkParameterCount(name: string, count: number): void {
  if (count > 5) throw new Error(`function ${name}: ${count} parameters, at most 5 are possible`);
}

const mapsSection = '.maps';
const pointerBytes = 8;

/** Maps as clang writes `struct { int (*type)[1]; ... } name SEC(".maps")`: numbers are array lengths, in BTF only. */
function layMaps(maps: readonly MapSpec[], btf: BtfBuilder, types: BaseTypes, symbols: SymbolSet): ElfSection[] {
  if (maps.length === 0) return [];
  let offset = 0;
  const variables = maps.map((map) => {
    const fields = mapFields(map).map(([name, value], index) => {
      const type = btf.pointer(btf.array(types.int, types.int, value));
      return { name, type, offset: index * pointerBytes };
    });
    const size = fields.length * pointerBytes;
    const variable = btf.variable(map.name, btf.struct('', size, fields), btfLinkage.global);
    const place = { section: mapsSection, value: offset, size };
    symbols.add({ name: map.name, binding: symbolBinding.global, type: symbolType.object, ...place });
    offset += size;
    return { variable, offset: place.value, size };
  });
  btf.dataSection(mapsSection, offset, variables);
  return [dataSection(mapsSection, pointerBytes, new Uint8Array(offset))];
}

function mapFields(map: MapSpec): [name: string, value: number][] {
  const fields: [string, number][] = [
    ['type', map.type],
    ['max_entries', map.maxEntries],
  ];
  if (map.keySize > 0) fields.push(['key_size', map.keySize]);
  if (map.valueSize > 0) fields.push(['value_size', map.valueSize]);
  if (map.flags) fields.push(['map_flags', map.flags]);
  return fields;
}

const variablesSection = '.data';
const variableBytes = 4;

function layVariables(names: readonly string[], btf: BtfBuilder, types: BaseTypes, symbols: SymbolSet): ElfSection[] {
  if (names.length === 0) return [];
  const variables = names.map((name, index) => {
    const place = { value: index * variableBytes, size: variableBytes };
    symbols.add({ name, section: variablesSection, binding: symbolBinding.global, type: symbolType.object, ...place });
    return { variable: btf.variable(name, types.int, btfLinkage.global), offset: place.value, size: variableBytes };
  });
  const size = names.length * variableBytes;
  btf.dataSection(variablesSection, size, variables);
  return [dataSection(variablesSection, variableBytes, new Uint8Array(size))];
}

function layLicense(license: string, btf: BtfBuilder, types: BaseTypes, symbols: SymbolSet): ElfSection {
  const bytes = new TextEncoder().encode(`${license}\0`);
  const size = bytes.length;
  const name = '_license';
  const variable = btf.variable(name, btf.array(types.char, types.int, size), btfLinkage.global);
  btf.dataSection('license', size, [{ variable, offset: 0, size }]);
  symbols.add({ name, section: 'license', binding: symbolBinding.global, type: symbolType.object, value: 0, size });
  return dataSection('license', 1, bytes);
}

/** Subprograms in `.text`, then one section per hook, in order of first use. */
function layCode(spec: ObjectSpec, btf: BtfBuilder, types: BaseTypes, symbols: SymbolSet): CodeSection[] {
  const sections = new Map<string, PlacedFunction[]>();
  const place = (section: string, fn: BuiltFunction, type: number, binding: number) => {
    const placed = sections.get(section) ?? [];
    sections.set(section, placed);
    const last = placed.at(-1);
    const offset = last ? last.offset + last.function.code.length : 0;
    checkEnd(fn);
    placed.push({ function: fn, offset, type });
    const size = fn.code.length;
    symbols.add({ name: fn.name, section, binding, type: symbolType.function, value: offset, size });
  };
  for (const { function: fn, parameterCount } of spec.functions) {
    checkParameterCount(fn.name, parameterCount);
    const parameters = Array.from({ length: parameterCount }, (_, index) => ({ name: `a${index}`, type: types.u64 }));
    const type = btf.func(fn.name, btf.prototype(types.u64, parameters), btfLinkage.static);
    place('.text', fn, type, symbolBinding.local);
  }
  for (const { function: fn, section } of spec.programs) {
    const prototype = btf.prototype(types.int, [{ name: 'ctx', type: types.u64Pointer }]);
    place(section, fn, btf.func(fn.name, prototype, btfLinkage.global), symbolBinding.global);
  }
  return [...sections].map(([name, functions]) => ({ name, functions }));
}

/** Code that runs past its end would fall into the next function of the section. */
function checkEnd(fn: BuiltFunction): void {
  const opcode = fn.code.at(-slotBytes);
  if (opcode !== exitOpcode && opcode !== jumpOpcode) {
    throw new Error(`function ${fn.name} does not end with exit or a jump`);
  }
}

function codeSection(section: CodeSection, symbols: SymbolSet): ElfSection {
  const writer = new ByteWriter();
  for (const { function: fn } of section.functions) writer.bytes(fn.code);
  return {
    name: section.name,
    flags: sectionFlag.allocate | sectionFlag.execute,
    alignment: slotBytes,
    bytes: writer.finish(),
    relocations: section.functions.flatMap((placed) => relocations(placed, symbols)),
  };
}

function relocations({ function: fn, offset }: PlacedFunction, symbols: SymbolSet): ElfRelocation[] {
  const result: ElfRelocation[] = [];
  for (const [index, relocation] of fn.relocations) {
    const symbol = symbols.get(relocation.symbol);
    if (symbol === undefined || !canBe(symbol, relocation.kind)) {
      throw new Error(
        `${fn.name}, instruction ${index}: ${relocation.kind} "${relocation.symbol}" is not in the object`,
      );
    }
    const type = relocation.kind === 'call' ? relocation64To32 : relocation64To64;
    result.push({ offset: offset + index * slotBytes, type, symbol });
  }
  return result;
}

function canBe(symbol: ElfSymbol, kind: Relocation['kind']): boolean {
  if (kind === 'map') return symbol.section === mapsSection;
  if (kind === 'variable') return symbol.section === variablesSection;
  return symbol.type === symbolType.function || symbol.section === undefined;
}

function dataSection(name: string, alignment: number, bytes: Uint8Array): ElfSection {
  return { name, flags: sectionFlag.allocate | sectionFlag.write, alignment, bytes };
}

function metadata(name: string, bytes: Uint8Array): ElfSection {
  return { name, flags: 0, alignment: 4, bytes };
}
