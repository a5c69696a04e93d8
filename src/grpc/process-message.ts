import type { ByteArena } from '../events/byte-arena.ts';
import { containerId, flagsText, type ProcessEncoderOptions, raisedFlags } from '../events/json/process-encoder.ts';
import {
  type ArgumentsWriter,
  argumentElements,
  hasNoArguments,
  writeArguments,
} from '../events/processes/arguments.ts';
import { variablesOf } from '../events/processes/environment.ts';
import { type Credentials, isNameless, type Process, shownFlags, type TextRange } from '../events/processes/process.ts';
import { binaryOf } from '../events/processes/process-text.ts';
import { type UserDatabase, userNameOf } from '../events/processes/user-names.ts';
import { namespaceOrder, processFlags } from '../events/wire.ts';
import { writeCapabilities, writeSecureBits } from './credentials-message.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

/** An encoded `Process` without its `tid`, which belongs between `bytes[0 .. middle]` and the rest. */
export interface ProcessMessage {
  readonly bytes: Buffer;
  readonly middle: number;
}

/** With what may change while a process is known: its arguments arrive in pieces. */
interface EncodedProcess {
  readonly message: ProcessMessage;
  readonly flags: number;
  readonly args: TextRange;
  readonly environment: TextRange;
}

/** Encodes Tetragon's `Process` message: the same content as that of `ProcessEncoder` in JSON. */
export class ProcessMessageEncoder {
  readonly #options: ProcessEncoderOptions;
  readonly #writer = new ProtobufWriter(4096);
  readonly #argumentsWriter: ArgumentsWriter = {
    byte: (value) => this.#writer.byte(value),
    raw: (bytes) => this.#writer.raw(bytes),
    escaped: (bytes, start, end) => this.#writer.append(bytes, start, end),
  };
  readonly #encoded = new WeakMap<Process, EncodedProcess>();
  readonly #arena: ByteArena;

  constructor(options: ProcessEncoderOptions, arena: ByteArena) {
    this.#options = options;
    this.#arena = arena;
  }

  /** The message of a process; the same bytes until the process changes. */
  encode(process: Process): ProcessMessage {
    const { image } = process;
    const flags = shownFlags(process);
    const known = this.#encoded.get(process);
    const { args, environment } = image;
    if (known?.flags === flags && known.args === args && known.environment === environment) return known.message;
    const message = this.#write(process);
    if (message.bytes.length <= longestKept) this.#encoded.set(process, { message, flags, args, environment });
    return message;
  }

  #write(process: Process): ProcessMessage {
    const { withCredentials, withNamespaces } = this.#options;
    const writer = this.#writer;
    writer.reset();
    this.#writeIdentity(process);
    this.#writeOrigin(process);
    if (withCredentials && process.credentials !== undefined) {
      const start = writer.open(fields.cap);
      writeCapabilities(writer, process.credentials);
      writer.close(start);
    }
    if (withNamespaces && process.namespaces !== undefined) this.#writeNamespaces(process.namespaces);
    const middle = writer.length;
    if (withCredentials && process.credentials !== undefined) {
      this.#writeCredentials(process.credentials);
      this.#writeBinaryProperties(process);
    }
    if (this.#options.users !== undefined) this.#writeUser(process, this.#options.users);
    if (process.uid !== undefined) {
      writer.wrappedUint(fields.inInitTree, (process.flags & processFlags.IN_INIT_TREE) === 0 ? 0 : 1);
    }
    for (const { name, value } of variablesOf(process.image.environment)) {
      const variable = writer.open(fields.environmentVariables);
      writer.text(1, name.bytes, name.start, name.end);
      writer.text(2, value.bytes, value.start, value.end);
      writer.close(variable);
    }
    if (this.#options.withArgumentsList === true) this.#writeArgumentsList(process);
    const { bytes, start, end } = this.#arena.copy(writer.buffer, 0, writer.length);
    return { bytes: bytes.subarray(start, end), middle };
  }

  #writeIdentity(process: Process): void {
    const writer = this.#writer;
    const { image, flags } = process;
    writer.string(fields.execId, this.#execId(process.ktimeLow, process.ktimeHigh, process.tgid));
    writer.wrappedUint(fields.pid, process.tgid);
    if (process.uid !== undefined) writer.wrappedUint(fields.uid, process.uid);
    if ((flags & (processFlags.NO_CWD | processFlags.ERROR_CWD)) === 0) {
      writer.text(fields.cwd, image.cwd.bytes, image.cwd.start, image.cwd.end);
    }
    const binary = binaryOf(process);
    if (binary.end > binary.start) {
      const start = writer.open(fields.binary);
      writer.append(binary.bytes, binary.start, binary.end);
      if ((flags & processFlags.BINARY_DELETED) !== 0) writer.appendAscii(' (deleted)');
      writer.close(start);
    }
    if (!hasNoArguments(image.args)) this.#writeArguments(process);
  }

  #writeArguments({ image }: Process): void {
    const start = this.#writer.open(fields.arguments);
    writeArguments(this.#argumentsWriter, image.args, quote);
    this.#writer.close(start);
  }

  #writeUser(process: Process, users: UserDatabase): void {
    const name = userNameOf(process, users, this.#options.hostNamespaces);
    if (name === undefined) return;
    const start = this.#writer.open(fields.user);
    this.#writer.string(1, name);
    this.#writer.close(start);
  }

  #writeArgumentsList({ image }: Process): void {
    for (const { bytes, start, end } of argumentElements(image.args))
      this.#writer.presentText(fields.argumentsList, bytes, start, end);
  }

  #writeOrigin(process: Process): void {
    const writer = this.#writer;
    writer.string(fields.flags, flagsText(shownFlags(process)));
    if (process.ktimeLow !== 0 || process.ktimeHigh !== 0) {
      const { seconds, nanoseconds } = this.#options.clock.startOf(process);
      writer.timestamp(fields.startTime, seconds, nanoseconds);
    }
    if (process.uid !== undefined) writer.wrappedUint(fields.auid, process.auid);
    writer.string(fields.docker, containerId(process.image.cgroup));
    if (process.parentTgid === 0 && process.parentKtimeLow === 0) return;
    const parent = this.#execId(process.parentKtimeLow, process.parentKtimeHigh, process.parentTgid);
    writer.string(fields.parentExecId, parent);
  }

  #execId(ktimeLow: number, ktimeHigh: number, tgid: number): string {
    const ktime =
      ktimeHigh < safeHighWords ? ktimeHigh * 0x1_0000_0000 + ktimeLow : (BigInt(ktimeHigh) << 32n) + BigInt(ktimeLow);
    return Buffer.from(`${this.#options.nodeName}:${ktime}:${tgid}`).toString('base64');
  }

  #writeNamespaces(namespaces: readonly number[]): void {
    const writer = this.#writer;
    const start = writer.open(fields.ns);
    for (const [index, name] of namespaceOrder.entries()) {
      const inum = namespaces[index] ?? 0;
      if (inum === 0 && name.startsWith('time')) continue;
      const namespace = writer.open(namespaceFields[name]);
      writer.uint(1, inum);
      writer.uint(2, inum !== 0 && inum === this.#options.hostNamespaces[index] ? 1 : 0);
      writer.close(namespace);
    }
    writer.close(start);
  }

  #writeCredentials(credentials: Credentials): void {
    const writer = this.#writer;
    const { uid, gid, euid, egid, suid, sgid, fsuid, fsgid } = credentials;
    const start = writer.open(fields.processCredentials);
    for (const [index, id] of [uid, gid, euid, egid, suid, sgid, fsuid, fsgid].entries())
      writer.wrappedUint(1 + index, id);
    writeSecureBits(writer, credentials);
    writer.close(start);
  }

  #writeBinaryProperties({ flags, image }: Process): void {
    const raised = raisedFlags.filter(([flag]) => (flags & flag) !== 0).map(([, name]) => privilegesChanged[name]);
    const inode = isNameless(flags) ? image.inode : undefined;
    if (raised.length === 0 && inode === undefined) return;
    const writer = this.#writer;
    const start = writer.open(fields.binaryProperties);
    if ((flags & processFlags.RAISED_SETUID) !== 0) writer.wrappedUint(1, image.setuid);
    if ((flags & processFlags.RAISED_SETGID) !== 0) writer.wrappedUint(2, image.setgid);
    writer.packed(3, raised);
    if (inode !== undefined) {
      const file = writer.open(4);
      const properties = writer.open(1);
      writer.uint64(1, inode.numberLow, inode.numberHigh);
      writer.wrappedUint(2, inode.links);
      writer.close(properties);
      writer.close(file);
    }
    writer.close(start);
  }
}

/** Field numbers of `Process` (`api/tetragon/tetragon.proto`). */
const fields = {
  execId: 1,
  pid: 2,
  uid: 3,
  cwd: 4,
  binary: 5,
  arguments: 6,
  flags: 7,
  startTime: 8,
  auid: 9,
  docker: 11,
  parentExecId: 12,
  cap: 14,
  ns: 15,
  tid: 16,
  processCredentials: 17,
  binaryProperties: 18,
  user: 19,
  inInitTree: 20,
  environmentVariables: 21,
  argumentsList: 10000,
} as const;

/** Field number of `Process.refcnt`, which only dumps of the cache show. */
export const refcntField = 13;

/** Field number of `Process.tid`. */
export const tidField = fields.tid;

const namespaceFields = {
  uts: 1,
  ipc: 2,
  mnt: 3,
  pid: 4,
  pid_for_children: 5,
  net: 6,
  time: 7,
  time_for_children: 8,
  cgroup: 9,
  user: 10,
} as const;

const privilegesChanged = {
  PRIVILEGES_RAISED_EXEC_FILE_CAP: 1,
  PRIVILEGES_RAISED_EXEC_FILE_SETUID: 2,
  PRIVILEGES_RAISED_EXEC_FILE_SETGID: 3,
} as const;

/** Longer messages are encoded for each event: who is watched decides how long the arguments of a program are. */
const longestKept = 8 * 1024;
const quote = Buffer.from('"');
/** Below it a 64-bit number is exact as a double. */
const safeHighWords = 1 << 21;
