import { BPF_PROG_TEST_RUN, bpf, stableBytes } from './bpf-syscall.ts';
import { throwLastError } from './kernel-error.ts';
import { addressOf } from './libc.ts';

export interface TestRunInput {
  /** What the program's context points to: of a raw tracepoint program its arguments, 8 bytes each, at most 12. */
  readonly context?: Uint8Array;
  /** A packet, for programs that take one. */
  readonly data?: Uint8Array;
  /** How often to run it; only for programs that take packets. */
  readonly repeat?: number;
}

export interface TestRunResult {
  /** What the program returned, unsigned 32 bits. */
  readonly returnValue: number;
  /** Average of a run as the kernel measured it; 0 for programs that are not timed (raw tracepoints, syscall programs). */
  readonly durationNs: number;
}

/**
 * BPF_PROG_TEST_RUN of `union bpf_attr`:
 *
 *     0 prog_fd   4 retval     8 data_size_in  12 data_size_out  16 data_in  24 data_out
 *    32 repeat   36 duration  40 ctx_size_in   44 ctx_size_out   48 ctx_in   56 ctx_out  64 flags  68 cpu
 */
const ATTR_SIZE = 72;
const CONTEXT_BYTES = 4096;
const DATA_BYTES = 65536;

const attr = stableBytes(ATTR_SIZE);
const context = stableBytes(CONTEXT_BYTES);
const data = stableBytes(DATA_BYTES);
const contextAddress = addressOf(context);
const dataAddress = addressOf(data);

/** Runs a loaded program once, without attaching it, on this CPU; about 1 µs a call. Throws a KernelError. */
export function testRun(programFd: number, input: TestRunInput = {}): TestRunResult {
  attr.writeUInt32LE(programFd, 0);
  attr.writeUInt32LE(0, 4);
  attr.writeUInt32LE(place(input.data, data, 'data'), 8);
  attr.writeBigUInt64LE(input.data ? dataAddress : 0n, 16);
  attr.writeUInt32LE(input.repeat ?? 0, 32);
  attr.writeUInt32LE(0, 36);
  attr.writeUInt32LE(place(input.context, context, 'context'), 40);
  attr.writeBigUInt64LE(input.context ? contextAddress : 0n, 48);
  if (bpf(BPF_PROG_TEST_RUN, attr) < 0) {
    throwLastError(
      `test run of program descriptor ${programFd}`,
      'the context must be as long as what the program reads; packets and repeat are for packet programs only',
    );
  }
  return { returnValue: attr.readUInt32LE(4), durationNs: attr.readUInt32LE(36) };
}

function place(input: Uint8Array | undefined, memory: Buffer, what: string): number {
  if (!input) {
    return 0;
  }
  if (input.byteLength > memory.byteLength) {
    throw new RangeError(`test run: ${what} has ${input.byteLength} bytes, more than ${memory.byteLength}`);
  }
  memory.set(input);
  return input.byteLength;
}
