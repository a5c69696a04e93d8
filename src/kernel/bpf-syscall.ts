import { checkResult } from './kernel-error.ts';
import { addressOf, syscallPointer } from './libc.ts';

/** bpf(2) without libbpf: for maps, test runs and probes, whose cost or exact bytes matter. */

const SYSCALL_BPF = process.arch === 'arm64' ? 280 : 321;

/** `enum bpf_cmd`. */
export const BPF_MAP_CREATE = 0;
export const BPF_MAP_LOOKUP_ELEM = 1;
export const BPF_MAP_UPDATE_ELEM = 2;
export const BPF_MAP_DELETE_ELEM = 3;
export const BPF_MAP_GET_NEXT_KEY = 4;
export const BPF_PROG_LOAD = 5;
export const BPF_OBJ_PIN = 6;
export const BPF_OBJ_GET = 7;
export const BPF_PROG_TEST_RUN = 10;
export const BPF_PROG_GET_FD_BY_ID = 13;
export const BPF_OBJ_GET_INFO_BY_FD = 15;
export const BPF_RAW_TRACEPOINT_OPEN = 17;
export const BPF_BTF_LOAD = 18;
export const BPF_LINK_CREATE = 28;
export const BPF_ENABLE_STATS = 32;

/** Bytes of `union bpf_attr` that any command here uses; the kernel accepts a longer one when the rest is zero. */
const ATTR_SIZE = 144;

/**
 * Calls bpf(2) and returns its result: a file descriptor, 0, or -1 with the error number in `lastErrno()`. `attr` must be
 * memory that does not move: a view of its own ArrayBuffer.
 */
export function bpf(command: number, attr: Uint8Array): number {
  return syscallPointer(SYSCALL_BPF, command, attr, attr.byteLength);
}

/** Memory whose address stays the same: V8 may keep small arrays inside its own heap and move them. */
export function stableBytes(size: number): Buffer<ArrayBuffer> {
  return Buffer.from(new ArrayBuffer(size));
}

/** A `union bpf_attr` that is written field by field at its byte offsets and keeps the memory it points to referenced. */
export class BpfAttr {
  readonly bytes: Buffer<ArrayBuffer> = stableBytes(ATTR_SIZE);
  readonly #referenced: Uint8Array[] = [];

  u32(offset: number, value: number): this {
    this.bytes.writeUInt32LE(value >>> 0, offset);
    return this;
  }

  u64(offset: number, value: bigint): this {
    this.bytes.writeBigUInt64LE(value, offset);
    return this;
  }

  /** The address of a copy of `data`. */
  data(offset: number, data: Uint8Array): this {
    const copy = stableBytes(Math.max(data.byteLength, 1));
    copy.set(data);
    return this.memory(offset, copy);
  }

  /** The address of `memory` itself, made by `stableBytes`, which the kernel may write. */
  memory(offset: number, memory: Uint8Array): this {
    this.#referenced.push(memory);
    return this.u64(offset, addressOf(memory));
  }

  /** The address of a NUL-terminated string. */
  text(offset: number, text: string): this {
    return this.data(offset, Buffer.from(`${text}\0`));
  }

  /** At most 15 characters and a NUL, in place: an object name. The kernel accepts letters, digits, `_` and `.`. */
  name(offset: number, name: string): this {
    this.bytes.write(name.replace(/[^A-Za-z0-9_.]/g, '_').slice(0, 15), offset, 'latin1');
    return this;
  }

  /** Runs the command; returns its result or -1. */
  try(command: number): number {
    return bpf(command, this.bytes);
  }

  /** Runs the command; throws a KernelError that names `call`. */
  run(command: number, call: string, hint?: string): number {
    return checkResult(call, this.try(command), hint);
  }
}
