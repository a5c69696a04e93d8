import { strict as assert } from 'node:assert';
import { constants } from 'node:os';
import { stableBytes } from './bpf-syscall.ts';
import { Handle } from './handle.ts';
import { KernelError } from './kernel-error.ts';
import {
  type Address,
  mapIsInternal,
  mapName,
  type NullableAddress,
  objectBtf,
  objectClose,
  objectFindMap,
  objectFindProgram,
  objectLoad,
  objectNextMap,
  objectNextProgram,
  objectOpen,
  programName,
} from './libbpf.ts';
import { withWarnings } from './libbpf-messages.ts';
import { lastErrno, withoutSignals } from './libc.ts';
import { findGlobal, type GlobalVariable } from './object-globals.ts';
import { ObjectMap } from './object-map.ts';
import { ObjectProgram } from './object-program.ts';
import { type SourceLine, summariseVerifierLog } from './verifier-log.ts';

/** Kernels before 5.2 take no larger log, later ones fill what is there: enough for a refusal after a million instructions. */
const VERIFIER_LOG_BYTES = 16 * 1024 * 1024 - 1;
/** Shared by all objects: loading is synchronous. Pages the kernel does not write cost nothing. */
let sharedLog: Buffer<ArrayBuffer> | undefined;

export interface LoadOptions {
  /** Source lines of the programs, to find the position of a refused one on kernels that print only its text. */
  readonly sourceLines?: readonly SourceLine[];
}

/** A BPF ELF object: opened, adjusted, loaded once; its maps and programs live until `close`. */
export class BpfObject {
  readonly name: string;
  readonly #handle: Handle;
  readonly #log: Buffer<ArrayBuffer>;
  readonly #maps = new Map<string, ObjectMap>();
  readonly #programs = new Map<string, ObjectProgram>();
  #loaded = false;

  private constructor(name: string, address: Address, log: Buffer<ArrayBuffer>) {
    this.name = name;
    this.#handle = new Handle(`BPF object "${name}"`, address);
    this.#log = log;
  }

  /**
   * Opens an object from its bytes. `name` becomes the prefix of the names of its global variable maps. Throws a KernelError
   * with what libbpf said when the bytes are no BPF object.
   */
  static open(bytes: Uint8Array, name: string): BpfObject {
    sharedLog ??= stableBytes(VERIFIER_LOG_BYTES);
    const log = sharedLog;
    const { result, warnings } = withWarnings(() => {
      const address = objectOpen(bytes, name, log);
      return { address, errno: address === null ? lastErrno() : 0 };
    });
    if (result.address === null) {
      throw new KernelError({
        call: `open BPF object "${name}"`,
        errno: result.errno,
        hint: 'the bytes are not a BPF ELF object with BTF that this libbpf understands',
        reason: warnings.join('; '),
      });
    }
    return new BpfObject(name, result.address, log);
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  /** Names as in the ELF file; global variables are `.rodata`, `.data` and `.bss`. */
  mapNames(): string[] {
    return this.#list(objectNextMap).map((map) =>
      mapIsInternal(map) ? mapName(map).replace(/^[^.]*/, '') : mapName(map),
    );
  }

  programNames(): string[] {
    return this.#list(objectNextProgram).map(programName);
  }

  /** Throws an assertion error that lists the maps when there is none of that name. */
  map(name: string): ObjectMap {
    const found = this.#maps.get(name);
    if (found) {
      return found;
    }
    const address = objectFindMap(this.#handle.address, name);
    assert(address !== null, `${this.#handle.label} has no map "${name}"; it has ${this.mapNames().join(', ')}`);
    const map = new ObjectMap(this.#handle, address, name);
    this.#maps.set(name, map);
    return map;
  }

  /** Throws an assertion error that lists the programs when there is none of that name. */
  program(name: string): ObjectProgram {
    const found = this.#programs.get(name);
    if (found) {
      return found;
    }
    const address = objectFindProgram(this.#handle.address, name);
    assert(
      address !== null,
      `${this.#handle.label} has no program "${name}"; it has ${this.programNames().join(', ')}`,
    );
    const program = new ObjectProgram(this.#handle, address, name);
    this.#programs.set(name, program);
    return program;
  }

  /**
   * Sets the initial value of a global variable (`const volatile` in `.rodata`, or in `.data` or `.bss`) before load; integers
   * must fit the variable's size, bytes must have exactly that size.
   */
  setGlobal(name: string, value: number | bigint | Uint8Array): void {
    assert(!this.#loaded, `${this.#handle.label}: global "${name}" is set after load`);
    const global = this.global(name);
    const bytes = this.map(global.section)
      .initialValue()
      .subarray(global.offset, global.offset + global.size);
    if (value instanceof Uint8Array) {
      assert(value.byteLength === global.size, `global "${name}" has ${global.size} bytes, not ${value.byteLength}`);
      bytes.set(value);
    } else {
      writeInteger(bytes, name, BigInt(value));
    }
  }

  /** Where a global variable is: its section (a map name), byte offset and size there. */
  global(name: string): GlobalVariable {
    const btf = objectBtf(this.#handle.address);
    assert(btf !== null, `${this.#handle.label} has no BTF`);
    const global = findGlobal(btf, name);
    assert(global, `${this.#handle.label} has no global variable "${name}"`);
    return global;
  }

  /**
   * Loads maps and programs into the kernel. Throws a KernelError that names the refused program, with the verifier's reason,
   * source line and whole log.
   */
  load(options: LoadOptions = {}): void {
    assert(!this.#loaded, `${this.#handle.label} is loaded twice`);
    this.#log[0] = 0;
    /* The verifier gives up with EAGAIN when a signal is pending, and after five times libbpf does too. */
    const { result, warnings } = withWarnings(() => withoutSignals(() => objectLoad(this.#handle.address)));
    if (result < 0) {
      throw this.#loadError(-result, warnings, options.sourceLines ?? []);
    }
    this.#loaded = true;
  }

  /** Unloads what nothing else holds (links and pins do); safe to call twice. */
  close(): void {
    const address = this.#handle.release();
    if (address !== undefined) {
      objectClose(address);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #list(next: (object: Address, previous: NullableAddress) => NullableAddress): Address[] {
    const found: Address[] = [];
    for (let item = next(this.#handle.address, null); item !== null; item = next(this.#handle.address, item)) {
      found.push(item);
    }
    return found;
  }

  #loadError(errno: number, warnings: readonly string[], sourceLines: readonly SourceLine[]): KernelError {
    const verifierLog = this.#log.toString('utf8', 0, this.#log.indexOf(0));
    const refused = warnings
      .map((warning) => /^prog '([^']+)': BPF program load failed/.exec(warning))
      .find(Boolean)?.[1];
    const subject = refused ? `load program "${refused}" of "${this.name}"` : `load BPF object "${this.name}"`;
    if (!refused || verifierLog === '') {
      return new KernelError({ call: subject, errno, reason: warnings.join('; ') });
    }
    const { reason, line } = summariseVerifierLog(verifierLog, sourceLines);
    return new KernelError({
      call: subject,
      errno,
      reason: line ? `${reason}, at ${line.line > 0 ? `${line.file}:${line.line}: ` : ''}${line.text}` : reason,
      hint:
        errno === constants.errno.ENOSPC
          ? 'the verifier said more than 16 MB about the program: it is too complex'
          : 'the verifier refused the program; its whole log says why',
      verifierLog,
    });
  }
}

function writeInteger(bytes: Buffer, name: string, value: bigint): void {
  const bits = bytes.byteLength * 8;
  const fits = BigInt.asUintN(bits, value) === value || BigInt.asIntN(bits, value) === value;
  assert(
    [1, 2, 4, 8].includes(bytes.byteLength),
    `global "${name}" is not an integer: it has ${bytes.byteLength} bytes`,
  );
  assert(fits, `${value} does not fit the ${bytes.byteLength} bytes of global "${name}"`);
  for (let index = 0; index < bytes.byteLength; index++) {
    bytes[index] = Number((value >> BigInt(8 * index)) & 0xffn);
  }
}
