import {
  bufferValue,
  credentials,
  dataRecord,
  execRecord,
  exitRecord,
  fileValue,
  forkRecord,
  hookRecord,
  loaderRecord,
  processFlags,
  recordHeader,
  recordKinds,
  returnRecord,
  type Struct,
  sockaddrValue,
  sockValue,
  throttleRecord,
  userNamespaceValue,
  valueHeader,
} from './wire.ts';

/** Builders of ring records for tests, byte by byte from the layouts in `wire.ts`. */

type FieldValue = number | bigint | Uint8Array | readonly number[] | FieldValues;
interface FieldValues {
  readonly [field: string]: FieldValue;
}

/** The bytes of a struct; fields that are not given are zero. Throws for a field that the struct does not have. */
export function structBytes(struct: Struct, values: FieldValues): Buffer {
  const bytes = Buffer.alloc(struct.size);
  for (const [name, value] of Object.entries(values)) {
    const field = struct.fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw new Error(`${struct.name} has no field ${name}`);
    if (value instanceof Uint8Array) bytes.set(value, field.offset);
    else if (Array.isArray(value)) {
      for (const [index, element] of value.entries()) {
        writeNumber(bytes, field.offset + index * field.size, field.size, BigInt(element as number));
      }
    } else if (typeof value === 'object') {
      bytes.set(structBytes(field.type as Struct, value as FieldValues), field.offset);
    } else writeNumber(bytes, field.offset, field.size, BigInt(value));
  }
  return bytes;
}

export interface HeaderFields {
  readonly ktime: bigint;
  readonly execKtime: bigint;
  readonly tgid: number;
  readonly tid?: number;
  /** `recordFlags` bits. */
  readonly recordFlags?: number;
}

export interface ExecFields extends HeaderFields {
  readonly parentKtime?: bigint;
  readonly parentTgid?: number;
  readonly flags?: number;
  readonly uid?: number;
  readonly credentials?: FieldValues;
  readonly namespaces?: readonly number[];
  readonly auid?: number;
  readonly binary?: string | Uint8Array;
  readonly cwd?: string | Uint8Array;
  readonly filename?: string | Uint8Array;
  readonly cgroup?: string | Uint8Array;
  readonly setuid?: number;
  readonly inode?: bigint;
  readonly links?: number;
  /** argv, argv[0] included. */
  readonly argv?: readonly (string | Uint8Array)[];
  readonly environment?: readonly (string | Uint8Array)[];
  /** Bytes of argv and environment that go into the record; all by default. */
  readonly inline?: number;
}

export function execBytes(fields: ExecFields): Buffer {
  const args = argvBytes(fields.argv ?? []);
  const environment = argvBytes(fields.environment ?? []);
  const inline = Buffer.concat([args, environment]).subarray(0, fields.inline);
  const texts = [fields.binary, fields.cwd, fields.filename, fields.cgroup].map((text) => Buffer.from(text ?? ''));
  const uid = fields.uid ?? 0;
  const fixed = structBytes(execRecord, {
    parent_ktime: fields.parentKtime ?? 0n,
    parent_tgid: fields.parentTgid ?? 0,
    flags: fields.flags ?? processFlags.EXECVE,
    credentials: { uid, euid: uid, suid: uid, fsuid: uid, ...fields.credentials },
    namespaces: fields.namespaces ?? [],
    auid: fields.auid ?? 0xffff_ffff,
    ns_pid: fields.tgid,
    inode: fields.inode ?? 0n,
    inode_links: fields.links ?? 1,
    setuid: fields.setuid ?? 0,
    binary_length: texts[0]!.length,
    cwd_length: texts[1]!.length,
    filename_length: texts[2]!.length,
    cgroup_length: texts[3]!.length,
    args_length: args.length,
    args_inline: inline.length,
    env_length: environment.length,
  });
  return withHeader(recordKinds.EXEC, fields, fixed, ...texts, inline);
}

export function dataBytes(fields: HeaderFields, offset: number, data: Uint8Array): Buffer {
  return withHeader(recordKinds.DATA, fields, structBytes(dataRecord, { offset, length: data.length }), data);
}

export function loaderBytes(fields: HeaderFields & { path: string; buildId?: Uint8Array }): Buffer {
  const { path, buildId = new Uint8Array() } = fields;
  const fixed = structBytes(loaderRecord, { build_id_length: buildId.length, path_length: Buffer.byteLength(path) });
  fixed.set(buildId, loaderRecord.at.build_id);
  return withHeader(recordKinds.LOADER, fields, fixed, Buffer.from(path));
}

export function forkBytes(fields: HeaderFields & { parentKtime: bigint; parentTgid: number }): Buffer {
  const { parentKtime, parentTgid, tgid } = fields;
  const fixed = structBytes(forkRecord, { parent_ktime: parentKtime, parent_tgid: parentTgid, ns_pid: tgid });
  return withHeader(recordKinds.FORK, fields, fixed);
}

export function exitBytes(fields: HeaderFields & { code: number }): Buffer {
  return withHeader(recordKinds.EXIT, fields, structBytes(exitRecord, { code: fields.code }));
}

export interface HookFields extends HeaderFields {
  readonly planId: number;
  /** Match bits that are set. */
  readonly matches: readonly number[];
  readonly values?: readonly { readonly bytes: Uint8Array; readonly status?: number; readonly value?: number }[];
  readonly callId?: bigint;
}

export function hookBytes(fields: HookFields): Buffer {
  const words = Math.floor(Math.max(0, ...fields.matches) / 64) + 1;
  const matches = Buffer.alloc(words * 8);
  for (const bit of fields.matches) matches[bit >>> 3]! |= 1 << (bit & 7);
  const values = fields.values ?? [];
  const fixed = structBytes(hookRecord, {
    plan_id: fields.planId,
    match_words: words,
    value_count: values.length,
    call_id: fields.callId ?? 0n,
  });
  const parts = values.flatMap(({ bytes, status = 0, value }, index) => [
    structBytes(valueHeader, { value: value ?? index, status, length: bytes.length }),
    bytes,
  ]);
  return withHeader(recordKinds.HOOK, fields, fixed, matches, ...parts);
}

export function returnBytes(fields: HeaderFields & { callId: bigint; value: bigint }): Buffer {
  const fixed = structBytes(returnRecord, { call_id: fields.callId, value: fields.value });
  return withHeader(recordKinds.RETURN, fields, fixed);
}

export function throttleBytes(
  fields: HeaderFields & { cgroupId: bigint; until: bigint; name: string | Uint8Array },
): Buffer {
  const { cgroupId, until, name } = fields;
  const fixed = structBytes(throttleRecord, { cgroup_id: cgroupId, until, name: Buffer.from(name) });
  return withHeader(recordKinds.THROTTLE, fields, fixed);
}

export function numberBytes(value: bigint | number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return bytes;
}

export function fileBytes(path: string | Uint8Array, mode: number): Buffer {
  const text = Buffer.from(path);
  return Buffer.concat([structBytes(fileValue, { mode, path_length: text.length }), text]);
}

export function sockBytes(fields: FieldValues): Buffer {
  return structBytes(sockValue, fields);
}

/** A buffer that was copied whole, or of which more than `content` there was. */
export function bufferBytes(content: Uint8Array, size = content.length): Buffer {
  return Buffer.concat([structBytes(bufferValue, { size, copied: content.length }), content]);
}

export function userNamespaceBytes(fields: FieldValues): Buffer {
  return structBytes(userNamespaceValue, fields);
}

export function sockaddrBytes(fields: FieldValues): Buffer {
  return structBytes(sockaddrValue, fields);
}

export function credentialsBytes(fields: FieldValues): Buffer {
  return structBytes(credentials, fields);
}

export function argvBytes(argv: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(argv.flatMap((element) => [Buffer.from(element), Buffer.of(0)]));
}

/** Puts the header into the fixed part and pads every part that follows to 8 bytes. */
function withHeader(kind: number, fields: HeaderFields, fixed: Buffer, ...parts: readonly Uint8Array[]): Buffer {
  const padded = parts.map((part) => Buffer.concat([part, Buffer.alloc((8 - (part.length % 8)) % 8)]));
  const record = Buffer.concat([fixed, ...padded]);
  const header = structBytes(recordHeader, {
    size: record.length,
    kind,
    flags: fields.recordFlags ?? 0,
    ktime: fields.ktime,
    exec_ktime: fields.execKtime,
    tgid: fields.tgid,
    tid: fields.tid ?? fields.tgid,
  });
  record.set(header, 0);
  return record;
}

function writeNumber(bytes: Buffer, offset: number, size: number, value: bigint): void {
  const wide = numberBytes(value);
  wide.copy(bytes, offset, 0, size);
}
