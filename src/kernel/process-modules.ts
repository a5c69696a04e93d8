import { readFileSync } from 'node:fs';

/** The file that an address of a process's code comes from. */
export interface ProcessModule {
  /** Path as the process sees it, with ` (deleted)` behind it when it was; `[vdso]` and the like for code of the kernel. */
  readonly module: string;
  /** Bytes from the start of the file. */
  readonly offset: bigint;
  /** Always empty: the file's own symbols are not read. */
  readonly symbol: string;
}

/**
 * Which file the code at an address of a live process is from, by `/proc/PID/maps`. A process is read at most every two
 * seconds: until then answers may be of the program before an execve. Of the 256 processes asked about last, 1024 mappings
 * of code are known; addresses in further ones, in data and in code without a file, such as a JIT's, are in no module.
 */
export class ProcessModules {
  readonly #procfs: string;
  /** In order of use. */
  readonly #processes = new Map<number, ProcessMappings>();

  constructor(procfs = '/proc') {
    this.#procfs = procfs;
  }

  /** The pid is one of the procfs mount. Undefined for an address in no module, and for a process that is gone. */
  find(pid: number, address: bigint): ProcessModule | undefined {
    const mapping = this.#mappingsOf(pid).find(({ start, end }) => address >= start && address < end);
    if (mapping === undefined) return undefined;
    return { module: mapping.path, offset: address - mapping.start + mapping.fileOffset, symbol: '' };
  }

  #mappingsOf(pid: number): readonly Mapping[] {
    const now = performance.now();
    let known = this.#processes.get(pid);
    if (known === undefined || now - known.readAtMs >= readIntervalMs) {
      known = { readAtMs: now, mappings: readMappings(`${this.#procfs}/${pid}/maps`) };
    }
    this.#processes.delete(pid);
    this.#processes.set(pid, known);
    if (this.#processes.size > maxProcesses) this.#processes.delete(this.#processes.keys().next().value!);
    return known.mappings;
  }
}

interface ProcessMappings {
  readonly readAtMs: number;
  readonly mappings: readonly Mapping[];
}

interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  readonly fileOffset: bigint;
  readonly path: string;
}

/** Executable mappings with a name; none when the process is gone or may not be looked at. */
function readMappings(path: string): Mapping[] {
  const mappings: Mapping[] = [];
  for (const line of readText(path).split('\n')) {
    const [, start, end, offset, name] = executableMapping.exec(line) ?? [];
    if (name === undefined) continue;
    mappings.push({ start: hex(start!), end: hex(end!), fileOffset: hex(offset!), path: unescapeNewlines(name) });
    if (mappings.length === maxMappings) break;
  }
  return mappings;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function hex(digits: string): bigint {
  return BigInt(`0x${digits}`);
}

/** Through bytes, because a part of a string keeps the whole text in memory. */
function unescapeNewlines(name: string): string {
  return Buffer.from(name.replaceAll('\\012', '\n')).toString();
}

const readIntervalMs = 2000;
const maxProcesses = 256;
const maxMappings = 1024;
/** `5646b17e9000-5646b17ee000 r-xp 00002000 fe:00 260131     /usr/bin/cat`; of line ends the kernel escapes only `\n`. */
const executableMapping = /^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) \S+ \d+ +(\S.*)$/s;
