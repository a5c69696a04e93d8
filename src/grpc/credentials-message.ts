import type { Credentials, WordPair } from '../events/process.ts';
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
  writeUserNamespace(writer, credentials);
}

function writeUserNamespace(writer: ProtobufWriter, credentials: Credentials): void {
  const start = writer.open(11);
  const level = writer.open(1);
  if (credentials.userNamespaceLevel !== 0) writer.presentInt(1, credentials.userNamespaceLevel);
  writer.close(level);
  writer.wrappedUint(2, credentials.userNamespaceOwner);
  writer.wrappedUint(3, credentials.userNamespaceGroup);
  const namespace = writer.open(4);
  writer.uint(1, credentials.userNamespaceInum);
  writer.uint(2, credentials.userNamespaceLevel === 0 ? 1 : 0);
  writer.close(namespace);
  writer.close(start);
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
