import {
  credentials,
  dataRecord,
  execRecord,
  exitRecord,
  forkRecord,
  limits,
  loaderRecord,
  recordHeader,
  returnRecord,
  throttleRecord,
} from './wire.ts';

/**
 * Readers of the kernel's records. Every length is checked against the bytes at hand before anything is read: a record
 * that contradicts itself gives a `DecodeError`, never an exception and never a read behind its end.
 *
 * The decoded records refer to the bytes they were decoded from and are valid as long as those are.
 */

/** Why a record was refused; each is counted. */
export type DecodeError =
  /** Fewer bytes than the record's struct, or than the record says it has. */
  | 'truncated'
  /** The lengths inside do not add up to the record. */
  | 'inconsistent'
  /** A kind that this version does not know. */
  | 'unknownKind';

/** What every record starts with. 64-bit times are two 32-bit halves. */
export interface RecordHeader {
  readonly kind: number;
  /** `recordFlags` bits. */
  readonly flags: number;
  readonly ktimeLow: number;
  readonly ktimeHigh: number;
  readonly execKtimeLow: number;
  readonly execKtimeHigh: number;
  readonly tgid: number;
  readonly tid: number;
}

export interface ExecRecord {
  readonly header: RecordHeader;
  readonly buffer: Buffer;
  /** Where the fixed part starts in `buffer`, for the fields that few need (credentials, namespaces). */
  readonly offset: number;
  readonly parentKtimeLow: number;
  readonly parentKtimeHigh: number;
  readonly parentTgid: number;
  readonly flags: number;
  readonly euid: number;
  readonly auid: number;
  readonly nsPid: number;
  /** The parts are `buffer[xStart .. xStart + xLength]`. */
  readonly binaryStart: number;
  readonly binaryLength: number;
  readonly cwdStart: number;
  readonly cwdLength: number;
  readonly filenameStart: number;
  readonly filenameLength: number;
  readonly cgroupStart: number;
  readonly cgroupLength: number;
  readonly argsStart: number;
  /** Bytes of arguments and environment in this record, of `argsLength + environmentLength` in all. */
  readonly argsInline: number;
  readonly argsLength: number;
  readonly environmentLength: number;
}

export interface DataRecord {
  readonly header: RecordHeader;
  readonly buffer: Buffer;
  readonly dataStart: number;
  /** Position of these bytes in the arguments and the environment behind them. */
  readonly dataOffset: number;
  readonly dataLength: number;
}

export interface ForkRecord {
  readonly header: RecordHeader;
  readonly parentKtimeLow: number;
  readonly parentKtimeHigh: number;
  readonly parentTgid: number;
  readonly nsPid: number;
}

export interface ExitRecord {
  readonly header: RecordHeader;
  /** As wait(2) reports it. */
  readonly code: number;
}

export interface HookRecord {
  readonly header: RecordHeader;
  readonly buffer: Buffer;
  /** The same bytes as `buffer`. */
  readonly view: DataView;
  readonly planId: number;
  readonly matchStart: number;
  readonly matchWords: number;
  /** All values with their headers are `buffer[valuesStart .. valuesEnd]`. */
  readonly valuesStart: number;
  readonly valuesEnd: number;
  /** Where each value's bytes are, by index in the plan; undefined when the record does not have it. */
  readonly values: readonly (RecordValue | undefined)[];
  readonly callIdLow: number;
  readonly callIdHigh: number;
}

/** `buffer[start .. start + length]` of the hook record. */
export interface RecordValue {
  readonly start: number;
  readonly length: number;
  /** `valueStatus` bits. */
  readonly status: number;
}

export interface ReturnRecord {
  readonly header: RecordHeader;
  readonly callIdLow: number;
  readonly callIdHigh: number;
  readonly valueLow: number;
  readonly valueHigh: number;
}

export interface ThrottleRecord {
  readonly header: RecordHeader;
  readonly buffer: Buffer;
  readonly cgroupId: bigint;
  readonly untilLow: number;
  readonly untilHigh: number;
  /** `buffer[nameStart .. nameStart + nameLength]` is the last component of the cgroup. */
  readonly nameStart: number;
  readonly nameLength: number;
}

export interface LoaderRecord {
  readonly header: RecordHeader;
  readonly buffer: Buffer;
  /** `buffer[buildIdStart .. buildIdStart + buildIdLength]`; empty for a file without one. */
  readonly buildIdStart: number;
  readonly buildIdLength: number;
  readonly pathStart: number;
  readonly pathLength: number;
}

/** Bytes of the record at `offset` as its header says, or an error when `available` does not hold them. */
export function recordSize(view: DataView, offset: number, available: number): number | DecodeError {
  if (offset < 0 || offset + available > view.byteLength || available < recordHeader.size) return 'truncated';
  const size = view.getUint32(offset + recordHeader.at.size, true);
  if (size < recordHeader.size) return 'inconsistent';
  return size > available ? 'truncated' : size;
}

/** `record_header.kind`; the caller has checked the size with `recordSize`. */
export function recordKind(view: DataView, offset: number): number {
  return view.getUint16(offset + recordHeader.at.kind, true);
}

export function decodeExec(buffer: Buffer, offset: number, size: number): ExecRecord | DecodeError {
  if (size < execRecord.size) return 'truncated';
  const at = execRecord.at;
  const binaryLength = buffer.readUInt32LE(offset + at.binary_length);
  const cwdLength = buffer.readUInt32LE(offset + at.cwd_length);
  const filenameLength = buffer.readUInt32LE(offset + at.filename_length);
  const cgroupLength = buffer.readUInt32LE(offset + at.cgroup_length);
  const argsLength = buffer.readUInt32LE(offset + at.args_length);
  const argsInline = buffer.readUInt32LE(offset + at.args_inline);
  const environmentLength = buffer.readUInt32LE(offset + at.env_length);
  const binaryStart = offset + execRecord.size;
  const cwdStart = binaryStart + padded(binaryLength);
  const filenameStart = cwdStart + padded(cwdLength);
  const cgroupStart = filenameStart + padded(filenameLength);
  const argsStart = cgroupStart + padded(cgroupLength);
  if (argsStart + argsInline > offset + size || argsInline > argsLength + environmentLength) return 'inconsistent';
  return {
    header: decodeHeader(buffer, offset),
    buffer,
    offset,
    parentKtimeLow: buffer.readUInt32LE(offset + at.parent_ktime),
    parentKtimeHigh: buffer.readUInt32LE(offset + at.parent_ktime + 4),
    parentTgid: buffer.readUInt32LE(offset + at.parent_tgid),
    flags: buffer.readUInt32LE(offset + at.flags),
    euid: buffer.readUInt32LE(offset + at.credentials + credentials.at.euid),
    auid: buffer.readUInt32LE(offset + at.auid),
    nsPid: buffer.readUInt32LE(offset + at.ns_pid),
    binaryStart,
    binaryLength,
    cwdStart,
    cwdLength,
    filenameStart,
    filenameLength,
    cgroupStart,
    cgroupLength,
    argsStart,
    argsInline,
    argsLength,
    environmentLength,
  };
}

export function decodeData(buffer: Buffer, offset: number, size: number): DataRecord | DecodeError {
  if (size < dataRecord.size) return 'truncated';
  const dataLength = buffer.readUInt32LE(offset + dataRecord.at.length);
  if (dataLength > size - dataRecord.size) return 'inconsistent';
  return {
    header: decodeHeader(buffer, offset),
    buffer,
    dataStart: offset + dataRecord.size,
    dataOffset: buffer.readUInt32LE(offset + dataRecord.at.offset),
    dataLength,
  };
}

export function decodeFork(buffer: Buffer, offset: number, size: number): ForkRecord | DecodeError {
  if (size < forkRecord.size) return 'truncated';
  const at = forkRecord.at;
  return {
    header: decodeHeader(buffer, offset),
    parentKtimeLow: buffer.readUInt32LE(offset + at.parent_ktime),
    parentKtimeHigh: buffer.readUInt32LE(offset + at.parent_ktime + 4),
    parentTgid: buffer.readUInt32LE(offset + at.parent_tgid),
    nsPid: buffer.readUInt32LE(offset + at.ns_pid),
  };
}

export function decodeExit(buffer: Buffer, offset: number, size: number): ExitRecord | DecodeError {
  if (size < exitRecord.size) return 'truncated';
  return { header: decodeHeader(buffer, offset), code: buffer.readUInt32LE(offset + exitRecord.at.code) };
}

export function decodeReturn(buffer: Buffer, offset: number, size: number): ReturnRecord | DecodeError {
  if (size < returnRecord.size) return 'truncated';
  const at = returnRecord.at;
  return {
    header: decodeHeader(buffer, offset),
    callIdLow: buffer.readUInt32LE(offset + at.call_id),
    callIdHigh: buffer.readUInt32LE(offset + at.call_id + 4),
    valueLow: buffer.readUInt32LE(offset + at.value),
    valueHigh: buffer.readUInt32LE(offset + at.value + 4),
  };
}

export function decodeThrottle(buffer: Buffer, offset: number, size: number): ThrottleRecord | DecodeError {
  if (size < throttleRecord.size) return 'truncated';
  const at = throttleRecord.at;
  const nameStart = offset + at.name;
  const nameLength = buffer.subarray(nameStart, nameStart + limits.CGROUP_NAME).indexOf(0);
  if (nameLength < 0) return 'inconsistent';
  return {
    header: decodeHeader(buffer, offset),
    buffer,
    cgroupId: buffer.readBigUInt64LE(offset + at.cgroup_id),
    untilLow: buffer.readUInt32LE(offset + at.until),
    untilHigh: buffer.readUInt32LE(offset + at.until + 4),
    nameStart,
    nameLength,
  };
}

export function decodeLoader(buffer: Buffer, offset: number, size: number): LoaderRecord | DecodeError {
  if (size < loaderRecord.size) return 'truncated';
  const at = loaderRecord.at;
  const buildIdLength = buffer.readUInt32LE(offset + at.build_id_length);
  const pathLength = buffer.readUInt32LE(offset + at.path_length);
  if (buildIdLength > limits.BUILD_ID_SIZE || pathLength > size - loaderRecord.size) return 'inconsistent';
  return {
    header: decodeHeader(buffer, offset),
    buffer,
    buildIdStart: offset + at.build_id,
    buildIdLength,
    pathStart: offset + loaderRecord.size,
    pathLength,
  };
}

function decodeHeader(buffer: Buffer, offset: number): RecordHeader {
  const at = recordHeader.at;
  return {
    kind: buffer.readUInt16LE(offset + at.kind),
    flags: buffer.readUInt16LE(offset + at.flags),
    ktimeLow: buffer.readUInt32LE(offset + at.ktime),
    ktimeHigh: buffer.readUInt32LE(offset + at.ktime + 4),
    execKtimeLow: buffer.readUInt32LE(offset + at.exec_ktime),
    execKtimeHigh: buffer.readUInt32LE(offset + at.exec_ktime + 4),
    tgid: buffer.readUInt32LE(offset + at.tgid),
    tid: buffer.readUInt32LE(offset + at.tid),
  };
}

/** Variable parts are padded to 8 bytes. Not with bit operations: a corrupt length may be 2^32 - 1. */
function padded(length: number): number {
  return Math.ceil(length / 8) * 8;
}
