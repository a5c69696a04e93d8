import { closeSync, fstatSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { checkResult, KernelError, throwLastError } from './kernel-error.ts';
import { linkerAddFile, linkerFinalize, linkerFree, linkerNew } from './libbpf.ts';
import { withWarnings } from './libbpf-messages.ts';
import { lastErrno, MFD_CLOEXEC, memfdCreate } from './libc.ts';

/**
 * Links relocatable BPF ELF objects into one with libbpf's static linker and returns its bytes. The first is the runtime:
 * extern functions of the others are found in it. Throws a KernelError with what libbpf said, such as an unresolved extern.
 */
export function linkObjects(objects: readonly Uint8Array[]): Uint8Array {
  objects.forEach(checkElf);
  const fds: number[] = [];
  try {
    const output = memoryFile('linked', new Uint8Array(0), fds);
    const inputs = objects.map((object, index) => memoryFile(`object-${index}`, object, fds));
    const { result, warnings } = withWarnings(() => link(output, inputs));
    if (result) {
      throw linkError(result, warnings);
    }
    return readWhole(output);
  } finally {
    fds.forEach(closeSync);
  }
}

/** libbpf's linker crashes on files that are no ELF objects: the header and the place of the section table are checked first. */
function checkElf(bytes: Uint8Array, index: number): void {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const problem =
    bytes.byteLength < ELF_HEADER_BYTES || header.getUint32(0) !== ELF_MAGIC
      ? 'it is not an ELF file'
      : header.getUint16(4) !== ELF_CLASS64_LITTLE_ENDIAN || header.getUint16(18, true) !== ELF_MACHINE_BPF
        ? 'it is not for little-endian BPF'
        : sectionTableEnd(header) > bytes.byteLength
          ? 'it is cut off before its section table'
          : undefined;
  if (problem) {
    throw new KernelError({
      call: `link object ${index}`,
      errno: constants.errno.ENOEXEC,
      reason: problem,
      hint: 'build it with `clang -target bpf -g -O2 -c`',
    });
  }
}

const ELF_HEADER_BYTES = 64;
const ELF_MAGIC = 0x7f454c46;
const ELF_CLASS64_LITTLE_ENDIAN = 0x0201;
const ELF_MACHINE_BPF = 247;

function sectionTableEnd(header: DataView): number {
  return Number(header.getBigUint64(40, true)) + header.getUint16(58, true) * header.getUint16(60, true);
}

interface LinkFailure {
  readonly call: string;
  readonly errno: number;
}

/** Returns what failed instead of throwing, so that the warnings can be added. */
function link(output: number, inputs: readonly number[]): LinkFailure | undefined {
  const linker = linkerNew(pathOf(output), null);
  if (linker === null) {
    return { call: 'create linker', errno: lastErrno() };
  }
  try {
    for (const [index, input] of inputs.entries()) {
      const result = linkerAddFile(linker, pathOf(input), null);
      if (result < 0) {
        return { call: `link object ${index}`, errno: -result };
      }
    }
    const result = linkerFinalize(linker);
    return result < 0 ? { call: 'link objects', errno: -result } : undefined;
  } finally {
    linkerFree(linker);
  }
}

function linkError(failure: LinkFailure, warnings: readonly string[]): KernelError {
  return new KernelError({
    ...failure,
    hint: 'the objects do not fit together: check extern functions, map definitions and BTF with llvm-objdump and bpftool',
    reason: warnings.join('; '),
  });
}

/** A file in memory: the linker wants file names. */
function memoryFile(name: string, bytes: Uint8Array, fds: number[]): number {
  const fd = memfdCreate(name, MFD_CLOEXEC);
  if (fd < 0) {
    throwLastError(`memfd_create "${name}"`);
  }
  fds.push(fd);
  for (let written = 0; written < bytes.byteLength; ) {
    written += writeSync(fd, bytes, written);
  }
  return fd;
}

function pathOf(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

function readWhole(fd: number): Uint8Array {
  const bytes = new Uint8Array(fstatSync(fd).size);
  const length = readSync(fd, bytes, 0, bytes.byteLength, 0);
  checkResult('read linked object', length === bytes.byteLength ? 0 : -constants.errno.EIO);
  return bytes;
}
