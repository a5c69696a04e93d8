import { hasNoArguments, writeArguments } from './arguments.ts';
import { writeCapabilities } from './credentials-json.ts';
import { JsonWriter, writeUint, writeUint64 } from './json-writer.ts';
import { secureBitNames } from './names.ts';
import type { Credentials, EncodedProcess, Process } from './process.ts';
import type { WallClock } from './wall-clock.ts';
import { namespaceOrder, processFlags } from './wire.ts';

export interface ProcessEncoderOptions {
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
    writer.ascii(',"tid":');
    const tidStart = writer.length;
    writer.uint(process.tgid);
    const tidEnd = writer.length;
    if (this.#options.withCredentials && process.credentials !== undefined) {
      this.#writeCredentials(process.credentials);
      this.#writeBinaryProperties(process);
    }
    if (process.uid !== undefined) {
      const inInitTree = (process.flags & processFlags.IN_INIT_TREE) !== 0;
      writer.ascii(inInitTree ? ',"in_init_tree":true}' : ',"in_init_tree":false}');
    } else {
      writer.ascii('}');
    }
    return { bytes: writer.take(), tidStart, tidEnd };
  }

  #writeIdentity(process: Process): void {
    const writer = this.#writer;
    writer.ascii('{"exec_id":"');
    this.#writeExecId(process.ktimeLow, process.ktimeHigh, process.tgid);
    writer.ascii('","pid":');
    writer.uint(process.tgid);
    if (process.uid !== undefined) {
      writer.ascii(',"uid":');
      writer.uint(process.uid);
    }
  }

  #writeImage(process: Process): void {
    const writer = this.#writer;
    const { image, flags } = process;
    const noCwd = (flags & (processFlags.NO_CWD | processFlags.ERROR_CWD)) !== 0;
    if (image.cwd.length > 0 && !noCwd) this.#writeText(',"cwd":', image.cwd);
    const binary = image.binary.length > 0 ? image.binary : absoluteFilename(process);
    if (binary.length > 0) {
      writer.ascii(',"binary":"');
      writer.escaped(binary, 0, binary.length);
      writer.ascii((flags & processFlags.BINARY_DELETED) !== 0 ? ' (deleted)"' : '"');
    }
    if (!hasNoArguments(image.args)) {
      writer.ascii(',"arguments":"');
      writeArguments(writer, image.args);
      writer.ascii('"');
    }
  }

  #writeOrigin(process: Process): void {
    const writer = this.#writer;
    const flags = flagWords(process.flags);
    if (flags !== '') {
      writer.ascii(',"flags":"');
      writer.ascii(flags);
      writer.ascii('"');
    }
    if (process.ktimeLow !== 0 || process.ktimeHigh !== 0) {
      writer.ascii(',"start_time":"');
      this.#options.clock.write(writer, process.ktimeLow, process.ktimeHigh);
      writer.ascii('"');
    }
    if (process.uid !== undefined) {
      writer.ascii(',"auid":');
      writer.uint(process.auid);
    }
    const container = containerId(process.image.cgroup);
    if (container !== '') {
      writer.ascii(',"docker":"');
      writer.ascii(container);
      writer.ascii('"');
    }
    if (process.parentTgid === 0 && process.parentKtimeLow === 0) return;
    writer.ascii(',"parent_exec_id":"');
    this.#writeExecId(process.parentKtimeLow, process.parentKtimeHigh, process.parentTgid);
    writer.ascii('"');
  }

  #writeExecId(ktimeLow: number, ktimeHigh: number, tgid: number): void {
    const text = this.#execId;
    let end = writeUint64(text, this.#execIdPrefix, ktimeLow, ktimeHigh);
    text[end++] = 0x3a; // :
    end = writeUint(text, end, tgid);
    this.#writer.base64(text, 0, end);
  }

  #writeText(key: string, bytes: Buffer): void {
    this.#writer.ascii(key);
    this.#writer.string(bytes, 0, bytes.length);
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
    const writer = this.#writer;
    const { uid, gid, euid, egid, suid, sgid, fsuid, fsgid } = credentials;
    const securebits = secureBitNames(credentials.securebits);
    const ids = { uid, gid, euid, egid, suid, sgid, fsuid, fsgid };
    writer.ascii(',"process_credentials":');
    writer.ascii(JSON.stringify(securebits.length === 0 ? ids : { ...ids, securebits }));
  }

  #writeBinaryProperties(process: Process): void {
    const { flags, image } = process;
    const raised = raisedFlags.filter(([flag]) => (flags & flag) !== 0).map(([, name]) => name);
    const nameless = (flags & (processFlags.BINARY_DELETED | processFlags.BINARY_MEMFD)) !== 0;
    const inode = nameless ? image.inode : undefined;
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

/** The words of Tetragon's `flags`, in its order. */
export function flagWords(flags: number): string {
  const relevant = flags & namedFlags;
  let words = cachedFlagWords.get(relevant);
  if (words === undefined) {
    words = flagNames
      .filter(([flag]) => (relevant & flag) !== 0)
      .map(([, name]) => name)
      .join(' ');
    cachedFlagWords.set(relevant, words);
  }
  return words;
}

/** First 31 characters of the container's id when the cgroup is named after one, as Tetragon shortens it; else empty. */
export function containerId(cgroup: Buffer): string {
  if (cgroup.length < 64) return '';
  const id = /(?:^|[^0-9a-f])([0-9a-f]{64})(?:[^0-9a-f]|$)/.exec(cgroup.toString('latin1'));
  return id?.[1]?.slice(0, 31) ?? '';
}

/** The path given to execve, made absolute; what is left when the kernel could not name the binary. */
function absoluteFilename(process: Process): Buffer {
  const { filename, cwd } = process.image;
  if (filename.length === 0 || filename[0] === SLASH || cwd.length === 0) return filename;
  return Buffer.concat(cwd[cwd.length - 1] === SLASH ? [cwd, filename] : [cwd, Buffer.of(SLASH), filename]);
}

const SLASH = 0x2f;

const flagNames = [
  [processFlags.EXECVE, 'execve'],
  [processFlags.PROCFS, 'procFS'],
  [processFlags.TRUNC_ARGS, 'truncArgs'],
  [processFlags.MISS, 'miss'],
  [processFlags.ERROR_FILENAME, 'errorFilename'],
  [processFlags.ERROR_ARGS, 'errorArgs'],
  [processFlags.NO_CWD, 'nocwd'],
  [processFlags.ROOT_CWD, 'rootcwd'],
  [processFlags.ERROR_CWD, 'errorCWD'],
  [processFlags.CLONE, 'clone'],
  [processFlags.CWD_UNRESOLVED, 'errorPathResolutionCwd'],
  [processFlags.IN_INIT_TREE, 'inInitTree'],
] as const;

const namedFlags = flagNames.reduce((mask, [flag]) => mask | flag, 0);
const cachedFlagWords = new Map<number, string>();

const raisedFlags = [
  [processFlags.RAISED_FILE_CAPS, 'PRIVILEGES_RAISED_EXEC_FILE_CAP'],
  [processFlags.RAISED_SETUID, 'PRIVILEGES_RAISED_EXEC_FILE_SETUID'],
  [processFlags.RAISED_SETGID, 'PRIVILEGES_RAISED_EXEC_FILE_SETGID'],
] as const;
