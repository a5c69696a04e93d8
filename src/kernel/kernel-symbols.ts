import { readFileSync } from 'node:fs';
import { releaseMemorySoon } from './release-memory.ts';

/** The function that an address of kernel code is in. */
export interface KernelSymbol {
  readonly symbol: string;
  /** Bytes from the start of the function. */
  readonly offset: bigint;
  /** Name of the module, `bpf` for BPF programs; empty for the kernel itself. */
  readonly module: string;
}

/**
 * Names of kernel code by address, from a file in the form of `/proc/kallsyms`. Nothing is read before the first question;
 * an address that no symbol holds has the file read again, at most every ten seconds, because modules and BPF programs come
 * later. Code loaded where other code was unloaded has the old names until then. Holds about 35 bytes for each function.
 */
export class KernelSymbols {
  /** Names of the running kernel, read at the first question. */
  static readonly running = new KernelSymbols();

  readonly #path: string;
  #table: SymbolTable | undefined;
  #missing: string | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(path = '/proc/kallsyms') {
    this.#path = path;
  }

  /** Why no address has a name, with what to do about it; undefined while there are names, and before the first question. */
  get missing(): string | undefined {
    return this.#missing;
  }

  /** Undefined for addresses outside the code of kernel, modules and BPF programs, and while names are missing. */
  find(address: bigint): KernelSymbol | undefined {
    const position = Number(BigInt.asIntN(64, address));
    if (position >= 0 || position < lowestPosition) return undefined;
    return findSymbol(this.#table, position) ?? (this.#readAgain() ? findSymbol(this.#table, position) : undefined);
  }

  /** False when the last reading is too recent. What was known stays when the file gives no names any more. */
  #readAgain(): boolean {
    if (performance.now() - this.#readAtMs < readIntervalMs) return false;
    try {
      const table = parseSymbols(readFileSync(this.#path));
      if (table !== undefined) this.#table = table;
      else this.#missing = `${this.#path} shows no addresses: grant CAP_SYSLOG, and set kernel.kptr_restrict to 0 or 1`;
    } catch (error) {
      this.#missing = `names of kernel functions cannot be read: ${(error as Error).message}`;
    }
    if (this.#table !== undefined) this.#missing = undefined;
    this.#readAtMs = performance.now();
    releaseMemorySoon();
    return true;
  }
}

/**
 * Functions in ascending order, one for each address. An address is a position: as a signed number of 64 bits, so that those
 * of kernel code, at the upper end of memory, are exact in a double.
 *
 * | array     | element `i` |
 * |-----------|-------------|
 * | positions | start of function `i` |
 * | nameEnds  | end of its name in `names`, which starts where that of `i - 1` ends: `NAME` or `NAME\t[MODULE]` |
 */
interface SymbolTable {
  readonly positions: Float64Array;
  readonly nameEnds: Uint32Array;
  readonly names: Buffer;
  /** End of the kernel's own code; infinite when the kernel does not list it. */
  readonly coreEnd: number;
}

function findSymbol(table: SymbolTable | undefined, position: number): KernelSymbol | undefined {
  const index = table === undefined ? -1 : lastAtOrBelow(table.positions, position);
  if (table === undefined || index < 0) return undefined;
  const start = table.positions[index]!;
  const isPastCore = start < table.coreEnd && position >= table.coreEnd;
  if (isPastCore || position - start >= longestFunctionBytes) return undefined;
  const text = table.names.toString('utf8', table.nameEnds[index - 1] ?? 0, table.nameEnds[index]);
  const [symbol = '', module = ''] = text.split('\t');
  return { symbol, offset: BigInt(position - start), module: module.slice(1, -1) };
}

/** Index of the last element that is not above the position, -1 when all are. */
function lastAtOrBelow(positions: Float64Array, position: number): number {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (positions[middle]! <= position) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Undefined when the file has no address of code, as when the kernel shows all as zero. */
function parseSymbols(file: Buffer): SymbolTable | undefined {
  const coreEnd = coreEndOf(file);
  const starts: number[] = [];
  const lines: number[] = [];
  for (let line = 0; line < file.length; line = endOfLine(file, line) + 1) {
    if (!isCode(file, line)) continue;
    const position = parsePosition(file, line);
    if (position >= lowestPosition && position < 0 && (position < coreEnd || isOfModule(file, line))) {
      starts.push(position);
      lines.push(line);
    }
  }
  return starts.length === 0 ? undefined : buildTable(file, coreEnd, starts, lines);
}

/** Sorts, because modules are listed in order of loading. Of several names of an address the first stays, as in the kernel. */
function buildTable(file: Buffer, coreEnd: number, starts: readonly number[], lines: readonly number[]): SymbolTable {
  const order = starts.map((_, index) => index).sort((left, right) => starts[left]! - starts[right]!);
  const first = order.filter((entry, index) => index === 0 || starts[entry] !== starts[order[index - 1]!]);
  const positions = new Float64Array(first.length);
  const nameEnds = new Uint32Array(first.length);
  /* The lines without their addresses: the file itself, with data and aliases, can go. */
  const names = Buffer.allocUnsafeSlow(first.reduce((sum, entry) => sum + nameLength(file, lines[entry]!), 0));
  let end = 0;
  for (let index = 0; index < first.length; index++) {
    const line = lines[first[index]!]!;
    end += file.copy(names, end, line + nameColumn, endOfLine(file, line));
    nameEnds[index] = end;
    positions[index] = starts[first[index]!]!;
  }
  return { positions, nameEnds, names, coreEnd };
}

/** What comes behind it is code of the boot, whose memory was freed. */
function coreEndOf(file: Buffer): number {
  const found = file.indexOf(' T _etext\n');
  return found < addressDigits ? Number.POSITIVE_INFINITY : parsePosition(file, found - addressDigits);
}

/** `ffffffff81000000 t NAME` or `ffffffffc0201000 t NAME\t[MODULE]`; the types of code are t, T, w and W. */
function isCode(file: Buffer, line: number): boolean {
  const type = (file[line + typeColumn] ?? 0) | lowerCaseBit;
  return file[line + addressDigits] === space && (type === letterT || type === letterW);
}

function isOfModule(file: Buffer, line: number): boolean {
  return file[endOfLine(file, line) - 1] === closingBracket;
}

function nameLength(file: Buffer, line: number): number {
  return endOfLine(file, line) - line - nameColumn;
}

function endOfLine(file: Buffer, line: number): number {
  const end = file.indexOf(newline, line);
  return end < 0 ? file.length : end;
}

function parsePosition(file: Buffer, line: number): number {
  const half = addressDigits / 2;
  return (parseHex(file, line, half) | 0) * 2 ** 32 + parseHex(file, line + half, half);
}

function parseHex(file: Buffer, from: number, digits: number): number {
  let value = 0;
  for (let index = from; index < from + digits; index++) {
    const character = file[index]!;
    value = value * 16 + (character <= digit9 ? character - digit0 : (character | lowerCaseBit) - letterA + 10);
  }
  return value;
}

const readIntervalMs = 10_000;
/** Signed addresses from here on are exact in a double; kernel code is above on x86-64 and arm64. */
const lowestPosition = Number.MIN_SAFE_INTEGER;
/** The longest functions of a kernel have 20 KB; what is farther behind the last one of a module is not its code. */
const longestFunctionBytes = 64 * 1024;
const addressDigits = 16;
const typeColumn = addressDigits + 1;
const nameColumn = typeColumn + 2;
const lowerCaseBit = 0x20;
const newline = '\n'.charCodeAt(0);
const space = ' '.charCodeAt(0);
const closingBracket = ']'.charCodeAt(0);
const digit0 = '0'.charCodeAt(0);
const digit9 = '9'.charCodeAt(0);
const letterA = 'a'.charCodeAt(0);
const letterT = 't'.charCodeAt(0);
const letterW = 'w'.charCodeAt(0);
