import {
  BPF_BTF_LOAD,
  BPF_LINK_CREATE,
  BPF_MAP_CREATE,
  BPF_PROG_LOAD,
  BPF_RAW_TRACEPOINT_OPEN,
  BpfAttr,
  stableBytes,
} from './bpf-syscall.ts';
import { addressOf, ioctl, lastErrno, syscallPerfEventOpen } from './libc.ts';

/** `struct bpf_insn`: opcode, registers (source << 4 | destination), offset, immediate. */
type Instruction = readonly [code: number, registers: number, offset: number, immediate: number];

const SET_R0_0: Instruction = [0xb7, 0x00, 0, 0];
const SET_R1_0: Instruction = [0xb7, 0x01, 0, 0];
const SET_R2_0: Instruction = [0xb7, 0x02, 0, 0];
const EXIT: Instruction = [0x95, 0x00, 0, 0];
const call = (helper: number): Instruction => [0x85, 0x00, 0, helper];

/** Helper numbers: `enum bpf_func_id`. */
const OVERRIDE_RETURN = 58;
const SEND_SIGNAL = 109;
const TASK_STORAGE_GET = 156;
const LOOP = 181;

/** The programs probes load. Helpers that need a map or a callback are called without: the verifier's words tell whether it knows them. */
export const PROBE_PROGRAMS = {
  returnZero: [SET_R0_0, EXIT],
  overrideReturn: [SET_R2_0, call(OVERRIDE_RETURN), SET_R0_0, EXIT],
  sendSignal: [SET_R1_0, call(SEND_SIGNAL), SET_R0_0, EXIT],
  taskStorageGet: [call(TASK_STORAGE_GET), SET_R0_0, EXIT],
  loop: [call(LOOP), SET_R0_0, EXIT],
  /** `*(u64 *)(r10 - 8) = 0; r1 = 1; r1 = atomic_fetch_add((u64 *)(r10 - 8), r1)`. */
  atomicFetch: [[0x7a, 0x0a, -8, 0], [0xb7, 0x01, 0, 1], [0xdb, 0x1a, -8, 0x01], SET_R0_0, EXIT],
} as const satisfies Record<string, readonly Instruction[]>;

/** `enum bpf_prog_type` and `enum bpf_attach_type`. */
export const KPROBE = { type: 2, attachType: 0 };
export const KPROBE_MULTI = { type: 2, attachType: 42 };
export const TRACEPOINT = { type: 5, attachType: 0 };
export const RAW_TRACEPOINT = { type: 17, attachType: 0 };
export const FENTRY = { type: 26, attachType: 24 };
export const MODIFY_RETURN = { type: 26, attachType: 26 };
export const LSM = { type: 29, attachType: 27 };

export interface ProgramKind {
  readonly type: number;
  readonly attachType: number;
}

/** A descriptor, or why there is none. */
export type ProbeResult = { readonly fd: number } | { readonly errno: number; readonly log: string };

const LOG_BYTES = 64 * 1024;
let log: Buffer<ArrayBuffer> | undefined;

/** Loads a probe program; `targetId` is the BTF id of the function it is for. */
export function loadProbe(kind: ProgramKind, program: readonly Instruction[], targetId = 0): ProbeResult {
  log ??= stableBytes(LOG_BYTES);
  log[0] = 0;
  const fd = new BpfAttr()
    .u32(0, kind.type)
    .u32(4, program.length)
    .data(8, encode(program))
    .text(16, 'GPL')
    .u32(24, 1)
    .u32(28, LOG_BYTES)
    .memory(32, log)
    .name(48, 'jatai_probe')
    .u32(68, kind.attachType)
    .u32(108, targetId)
    .try(BPF_PROG_LOAD);
  return fd >= 0 ? { fd } : { errno: lastErrno(), log: log.toString('utf8', 0, log.indexOf(0)) };
}

function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, registers, offset, immediate], index) => {
    bytes.writeUInt8(code, index * 8);
    bytes.writeUInt8(registers, index * 8 + 1);
    bytes.writeInt16LE(offset, index * 8 + 2);
    bytes.writeInt32LE(immediate, index * 8 + 4);
  });
  return bytes;
}

/** Attaches a raw tracepoint program by event name, a tracing or LSM program to its target with null. */
export function openRawTracepoint(event: string | null, programFd: number): ProbeResult {
  const attr = new BpfAttr().u32(8, programFd);
  return result((event === null ? attr : attr.text(0, event)).try(BPF_RAW_TRACEPOINT_OPEN));
}

export function openKprobeMulti(functionName: string, programFd: number): ProbeResult {
  const name = stableBytes(functionName.length + 1);
  name.write(functionName);
  const names = stableBytes(8);
  names.writeBigUInt64LE(addressOf(name));
  return result(
    new BpfAttr().u32(0, programFd).u32(8, KPROBE_MULTI.attachType).u32(20, 1).memory(24, names).try(BPF_LINK_CREATE),
  );
}

export const SYSCALL_PERF_EVENT_OPEN = process.arch === 'arm64' ? 241 : 298;
const PERF_ATTR_SIZE = 72;
export const PERF_FLAG_FD_CLOEXEC = 8;
const PERF_EVENT_IOC_SET_BPF = 0x40042408;
export const PERF_TYPE_TRACEPOINT = 2;

/** A perf event on CPU 0: a tracepoint by id (`config`), or a kprobe by function name. */
export function openPerfEvent(type: number, config: number, functionName?: string): ProbeResult {
  const attr = stableBytes(PERF_ATTR_SIZE);
  attr.writeUInt32LE(type, 0);
  attr.writeUInt32LE(PERF_ATTR_SIZE, 4);
  attr.writeBigUInt64LE(BigInt(config), 8);
  const name = Buffer.from(new ArrayBuffer(64));
  name.write(`${functionName ?? ''}\0`);
  attr.writeBigUInt64LE(functionName === undefined ? 0n : addressOf(name), 56);
  return result(syscallPerfEventOpen(SYSCALL_PERF_EVENT_OPEN, attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC));
}

/** Gives a perf event its program; returns an error number or 0. */
export function setPerfEventProgram(eventFd: number, programFd: number): number {
  return ioctl(eventFd, PERF_EVENT_IOC_SET_BPF, programFd) < 0 ? lastErrno() : 0;
}

const MAP_TYPE_RING_BUFFER = 27;
const MAP_TYPE_TASK_STORAGE = 29;
const BPF_F_NO_PREALLOC = 1;

export function createRingBuffer(size: number): ProbeResult {
  return result(new BpfAttr().u32(0, MAP_TYPE_RING_BUFFER).u32(12, size).name(28, 'jatai_probe').try(BPF_MAP_CREATE));
}

/** A task storage map of one int, whose type must come as BTF. */
export function createTaskStorage(btfFd: number): ProbeResult {
  return result(
    new BpfAttr()
      .u32(0, MAP_TYPE_TASK_STORAGE)
      .u32(4, 4)
      .u32(8, 4)
      .u32(16, BPF_F_NO_PREALLOC)
      .name(28, 'jatai_probe')
      .u32(48, btfFd)
      .u32(52, 1)
      .u32(56, 1)
      .try(BPF_MAP_CREATE),
  );
}

/** `struct btf_header`, then one type (a signed 32-bit `int`), then the strings. */
const INT_BTF = Uint8Array.from([
  ...[0x9f, 0xeb, 1, 0, 24, 0, 0, 0],
  ...[0, 0, 0, 0, 16, 0, 0, 0, 16, 0, 0, 0, 5, 0, 0, 0],
  ...[1, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 32, 0, 0, 1],
  ...Buffer.from('\0int\0'),
]);

export function loadIntBtf(): ProbeResult {
  return result(new BpfAttr().data(0, INT_BTF).u32(16, INT_BTF.byteLength).try(BPF_BTF_LOAD));
}

function result(fd: number): ProbeResult {
  return fd >= 0 ? { fd } : { errno: lastErrno(), log: '' };
}
