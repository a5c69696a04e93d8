import type { Credentials, WordPair } from '../events/processes/process.ts';
import type { UserNamespace } from '../events/values.ts';
import type { ProtobufWriter } from './protobuf-writer.ts';

/** Writes the fields of Tetragon's `Capabilities` message. */
export function writeCapabilities(writer: ProtobufWriter, credentials: Credentials): void {
  writer.packed(1, setBits(credentials.permitted));
  writer.packed(2, setBits(credentials.effective));
  writer.packed(3, setBits(credentials.inheritable));
}

/** Writes `ProcessCredentials.securebits`. */
export function writeSecureBits(writer: ProtobufWriter, { securebits }: Credentials): void {
  const bits = setBits({ low: securebits & knownSecureBits, high: 0 });
  writer.packed(
    9,
    bits.map((bit) => 1 << bit),
  );
}

/** Writes the fields of Tetragon's `ProcessCredentials` message in full, as the `cred` argument type has it. */
export function writeCredentialsArgument(writer: ProtobufWriter, credentials: Credentials): void {
  const { uid, gid, euid, egid, suid, sgid, fsuid, fsgid } = credentials;
  for (const [index, id] of [uid, gid, euid, egid, suid, sgid, fsuid, fsgid].entries())
    writer.wrappedUint(1 + index, id);
  writeSecureBits(writer, credentials);
  const capabilities = writer.open(10);
  writeCapabilities(writer, credentials);
  writer.close(capabilities);
  const userNamespace = writer.open(11);
  writeUserNamespace(writer, {
    level: credentials.userNamespaceLevel,
    owner: credentials.userNamespaceOwner,
    group: credentials.userNamespaceGroup,
    inum: credentials.userNamespaceInum,
  });
  writer.close(userNamespace);
}

/** Writes the fields of Tetragon's `UserNamespace` message. */
export function writeUserNamespace(writer: ProtobufWriter, { level, owner, group, inum }: UserNamespace): void {
  const wrapped = writer.open(1);
  if (level !== 0) writer.presentInt(1, level);
  writer.close(wrapped);
  writer.wrappedUint(2, owner);
  writer.wrappedUint(3, group);
  const namespace = writer.open(4);
  writer.uint(1, inum);
  writer.uint(2, level === 0 ? 1 : 0);
  writer.close(namespace);
}

/** Positions of the bits that are set: the numbers of `CapabilitiesType`. */
function setBits({ low, high }: WordPair): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < 64; bit++) {
    if (((bit < 32 ? low : high) & (1 << (bit & 31))) !== 0) bits.push(bit);
  }
  return bits;
}

/** `SECURE_ALL_BITS` and their locks. */
const knownSecureBits = 0xff;
