import { ByteArena } from '../byte-arena.ts';
import type { EventContent } from '../event-content.ts';
import { secureBitNames } from '../names.ts';
import { argumentElements, hasNoArguments, writeArguments } from '../processes/arguments.ts';
import { variablesOf } from '../processes/environment.ts';
import {
  type Credentials,
  type EncodedProcess,
  isNameless,
  type Process,
  shownFlags,
  type TextRange,
} from '../processes/process.ts';
import { binaryOf } from '../processes/process-text.ts';
import { type UserDatabase, userNameOf } from '../processes/user-names.ts';
import { type WallClock, writeWallTime } from '../wall-clock.ts';
import { namespaceOrder, processFlags } from '../wire.ts';
import { writeCapabilities } from './credentials-json.ts';
import { JsonWriter, writeUint, writeUint64 } from './json-writer.ts';

export interface ProcessEncoderOptions extends EventContent {
  readonly nodeName: string;
  readonly clock: WallClock;
  /** Adds `cap`, `process_credentials` and `binary_properties`. */
  readonly withCredentials: boolean;
  /** Adds `ns`. */
  readonly withNamespaces: boolean;
  /** Inode numbers of the namespaces of pid 1 in `namespaceOrder`; decides `is_host`. */
  readonly hostNamespaces: readonly number[];
}

/** Encodes the `process` object of events, fields in the order of Tetragon's `Process` message. */
export class ProcessEncoder {
  readonly #options: ProcessEncoderOptions;
  readonly #writer = new JsonWriter(4096);
  readonly #arena = new ByteArena();
  /** `node_name:` followed by room for two 64-bit numbers and a colon. */
  readonly #execId: Buffer;
  readonly #execIdPrefix: number;

  constructor(options: ProcessEncoderOptions) {
    this.#options = options;
    const prefix = Buffer.from(`${options.nodeName}:`);
    this.#execIdPrefix = prefix.length;
    this.#execId = Buffer.concat([prefix, Buffer.alloc(41)]);
  }

  encode(process: Process): EncodedProcess {
    const writer = this.#writer;
    writer.reset();
    this.#writeIdentity(process);
    this.#writeImage(process);
    this.#writeOrigin(process);
    if (this.#options.withCredentials && process.credentials !== undefined) {
      writer.ascii(',"cap":');
      writeCapabilities(writer, process.credentials);
    }
    if (this.#options.withNamespaces && process.namespaces !== undefined) this.#writeNamespaces(process.namespaces);
    writer.raw(key.tid);
    const tidStart = writer.length;
    writer.uint(process.tgid);
    const tidEnd = writer.length;
    if (this.#options.withCredentials && process.credentials !== undefined) {
      this.#writeCredentials(process.credentials);
      this.#writeBinaryProperties(process);
    }
    if (this.#options.users !== undefined) this.#writeUser(process, this.#options.users);
    if (process.uid !== undefined)
      writer.raw((process.flags & processFlags.IN_INIT_TREE) === 0 ? notInInitTree : inInitTree);
    const { environment } = process.image;
    if (environment.end > environment.start) this.#writeEnvironment(environment);
    if (this.#options.withArgumentsList === true) this.#writeArgumentsList(process);
    writer.byte(CLOSING_BRACE);
    const { bytes, start, end } = this.#arena.copy(writer.buffer, 0, writer.length);
    return {
      bytes,
      start,
      end,
      whole: bytes.subarray(start, end),
      args: process.image.args,
      tidStart: start + tidStart,
      tidEnd: start + tidEnd,
    };
  }

  #writeIdentity(process: Process): void {
    const writer = this.#writer;
    writer.raw(key.execId);
    this.#writeExecId(process.ktimeLow, process.ktimeHigh, process.tgid);
    writer.raw(key.pid);
    writer.uint(process.tgid);
    if (process.uid === undefined) return;
    writer.raw(key.uid);
    writer.uint(process.uid);
  }

  #writeImage(process: Process): void {
    const writer = this.#writer;
    const { image, flags } = process;
    const { cwd } = image;
    if (cwd.end > cwd.start && (flags & (processFlags.NO_CWD | processFlags.ERROR_CWD)) === 0) {
      writer.raw(key.cwd);
      writer.string(cwd.bytes, cwd.start, cwd.end);
    }
    const binary = binaryOf(process);
    if (binary.end > binary.start) {
      writer.raw(key.binary);
      writer.escaped(binary.bytes, binary.start, binary.end);
      if ((flags & processFlags.BINARY_DELETED) !== 0) writer.ascii(' (deleted)');
      writer.byte(QUOTE);
    }
    if (!hasNoArguments(image.args)) {
      writer.raw(key.arguments);
      writeArguments(writer, image.args, escapedQuote);
      writer.byte(QUOTE);
    }
  }

  #writeOrigin(process: Process): void {
    const writer = this.#writer;
    writer.raw(encodedFlags(shownFlags(process)));
    if (process.ktimeLow !== 0 || process.ktimeHigh !== 0) {
      writer.raw(key.startTime);
      writeWallTime(writer, this.#options.clock.startOf(process));
      writer.byte(QUOTE);
    }
    if (process.uid !== undefined) {
      writer.raw(key.auid);
      writer.uint(process.auid);
    }
    const container = containerId(process.image.cgroup);
    if (container !== '') writer.ascii(`,"docker":"${container}"`);
    if (process.parentTgid === 0 && process.parentKtimeLow === 0) return;
    writer.raw(key.parentExecId);
    this.#writeExecId(process.parentKtimeLow, process.parentKtimeHigh, process.parentTgid);
    writer.byte(QUOTE);
  }

  #writeUser(process: Process, users: UserDatabase): void {
    const name = userNameOf(process, users, this.#options.hostNamespaces);
    if (name === undefined) return;
    this.#writer.ascii(',"user":{"name":');
    this.#writer.text(name);
    this.#writer.byte(CLOSING_BRACE);
  }

  #writeArgumentsList({ image }: Process): void {
    const writer = this.#writer;
    let separator = ',"arguments_list":[';
    for (const { bytes, start, end } of argumentElements(image.args)) {
      writer.ascii(separator);
      writer.string(bytes, start, end);
      separator = ',';
    }
    if (separator === ',') writer.ascii(']');
  }

  #writeExecId(ktimeLow: number, ktimeHigh: number, tgid: number): void {
    const text = this.#execId;
    let end = writeUint64(text, this.#execIdPrefix, ktimeLow, ktimeHigh);
    text[end++] = 0x3a; // :
    end = writeUint(text, end, tgid);
    this.#writer.base64(text, 0, end);
  }

  #writeNamespaces(namespaces: readonly number[]): void {
    const writer = this.#writer;
    writer.ascii(',"ns":{');
    let separator = '"';
    for (const [index, name] of namespaceOrder.entries()) {
      const inum = namespaces[index] ?? 0;
      if (inum === 0 && name.startsWith('time')) continue;
      writer.ascii(`${separator}${name}":{`);
      if (inum !== 0) writer.ascii(`"inum":${inum}`);
      if (inum !== 0 && inum === this.#options.hostNamespaces[index]) writer.ascii(',"is_host":true');
      writer.ascii('}');
      separator = ',"';
    }
    writer.ascii('}');
  }

  #writeCredentials(credentials: Credentials): void {
    const { uid, gid, euid, egid, suid, sgid, fsuid, fsgid } = credentials;
    const securebits = secureBitNames(credentials.securebits);
    const ids = { uid, gid, euid, egid, suid, sgid, fsuid, fsgid };
    this.#writer.ascii(',"process_credentials":');
    this.#writer.ascii(JSON.stringify(securebits.length === 0 ? ids : { ...ids, securebits }));
  }

  #writeEnvironment(environment: TextRange): void {
    const writer = this.#writer;
    let start = ',"environment_variables":[{';
    for (const { name, value } of variablesOf(environment)) {
      writer.ascii(start);
      if (name.end > name.start) {
        writer.ascii('"Key":');
        writer.string(name.bytes, name.start, name.end);
      }
      if (value.end > value.start) {
        writer.ascii(name.end > name.start ? ',"Value":' : '"Value":');
        writer.string(value.bytes, value.start, value.end);
      }
      start = '},{';
    }
    writer.ascii('}]');
  }

  #writeBinaryProperties(process: Process): void {
    const { flags, image } = process;
    const raised = raisedFlags.filter(([flag]) => (flags & flag) !== 0).map(([, name]) => name);
    const inode = isNameless(flags) ? image.inode : undefined;
    if (raised.length === 0 && inode === undefined) return;
    const properties = {
      ...((flags & processFlags.RAISED_SETUID) !== 0 && { setuid: image.setuid }),
      ...((flags & processFlags.RAISED_SETGID) !== 0 && { setgid: image.setgid }),
      ...(raised.length > 0 && { privileges_changed: raised }),
      ...(inode && {
        file: {
          inode: {
            number: String((BigInt(inode.numberHigh) << 32n) | BigInt(inode.numberLow)),
            links: inode.links,
          },
        },
      }),
    };
    this.#writer.ascii(',"binary_properties":');
    this.#writer.ascii(JSON.stringify(properties));
  }
}

/** First 31 characters of the container's id when the cgroup is named after one, as Tetragon shortens it; else empty. */
export function containerId({ bytes, start, end }: TextRange): string {
  if (end - start < 64) return '';
  const id = /(?:^|[^0-9a-f])([0-9a-f]{64})(?:[^0-9a-f]|$)/.exec(bytes.toString('latin1', start, end));
  return id?.[1]?.slice(0, 31) ?? '';
}

/** `execve rootcwd`: the words of Tetragon's `flags` in its order; empty when there are none. */
export function flagsText(flags: number): string {
  const words = flagNames.filter(([flag]) => (flags & flag) !== 0).map(([, name]) => name);
  return words.join(' ');
}

/** `,"flags":"execve rootcwd"`, nothing when there are none. */
function encodedFlags(flags: number): Buffer {
  const relevant = flags & namedFlags;
  let encoded = cachedFlags.get(relevant);
  if (encoded === undefined) {
    const text = flagsText(relevant);
    encoded = Buffer.from(text === '' ? '' : `,"flags":"${text}"`);
    cachedFlags.set(relevant, encoded);
  }
  return encoded;
}

const escapedQuote = Buffer.from('\\"');
const QUOTE = 0x22;
const CLOSING_BRACE = 0x7d;

/** Members with what stands before their value. */
const key = {
  execId: Buffer.from('{"exec_id":"'),
  pid: Buffer.from('","pid":'),
  uid: Buffer.from(',"uid":'),
  cwd: Buffer.from(',"cwd":'),
  binary: Buffer.from(',"binary":"'),
  arguments: Buffer.from(',"arguments":"'),
  startTime: Buffer.from(',"start_time":"'),
  auid: Buffer.from(',"auid":'),
  parentExecId: Buffer.from(',"parent_exec_id":"'),
  tid: Buffer.from(',"tid":'),
} as const;
const inInitTree = Buffer.from(',"in_init_tree":true');
const notInInitTree = Buffer.from(',"in_init_tree":false');

const flagNames = [
  [processFlags.EXECVE, 'execve'],
  [processFlags.PROCFS, 'procFS'],
  [processFlags.ERROR_ENVS, 'errorEnvs'],
  [processFlags.TRUNC_ARGS, 'truncArgs'],
  [processFlags.MISS, 'miss'],
  [processFlags.ERROR_FILENAME | processFlags.BINARY_UNRESOLVED, 'errorFilename'],
  [processFlags.ERROR_ARGS, 'errorArgs'],
  [processFlags.NO_CWD, 'nocwd'],
  [processFlags.ROOT_CWD, 'rootcwd'],
  [processFlags.ERROR_CWD, 'errorCWD'],
  [processFlags.CLONE, 'clone'],
  [processFlags.CWD_UNRESOLVED, 'errorPathResolutionCwd'],
  [processFlags.IN_INIT_TREE, 'inInitTree'],
] as const;

const namedFlags = flagNames.reduce((mask, [flag]) => mask | flag, 0);
const cachedFlags = new Map<number, Buffer>();

/** Flags of a process by the names of `ProcessPrivilegesChanged`. */
export const raisedFlags = [
  [processFlags.RAISED_FILE_CAPS, 'PRIVILEGES_RAISED_EXEC_FILE_CAP'],
  [processFlags.RAISED_SETUID, 'PRIVILEGES_RAISED_EXEC_FILE_SETUID'],
  [processFlags.RAISED_SETGID, 'PRIVILEGES_RAISED_EXEC_FILE_SETGID'],
] as const;
