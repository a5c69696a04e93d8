/** A member of an archive: a file with contents, a folder, or a symbolic link. */
export interface CpioMember {
  /** Path without a leading slash. */
  name: string;
  /** File type and permission bits, as in st_mode. */
  mode: number;
  contents?: Buffer;
  /** Major and minor number of a device node. */
  device?: readonly [major: number, minor: number];
}

const alignment = 4;

/** Writes a "newc" cpio archive, the format a Linux initramfs has. Several of them may be concatenated. */
export function writeCpio(members: readonly CpioMember[]): Buffer {
  const trailer: CpioMember = { name: 'TRAILER!!!', mode: 0 };
  return Buffer.concat([...members, trailer].flatMap((member, index) => writeMember(member, index + 1)));
}

/** An ordinary file; `mode` has only permission bits. */
export function cpioFile(name: string, contents: Buffer | string, mode = 0o644): CpioMember {
  return { name, mode: 0o100000 | mode, contents: Buffer.from(contents) };
}

/** A folder that everyone may enter. */
export function cpioFolder(name: string): CpioMember {
  return { name, mode: 0o040755 };
}

function writeMember({ name, mode, contents = Buffer.alloc(0), device = [0, 0] }: CpioMember, inode: number): Buffer[] {
  const nameBytes = Buffer.from(`${name}\0`);
  // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
  const fields = [inode, mode, 0, 0, 1, 0, contents.length, 0, 0, device[0], device[1], nameBytes.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return [header, nameBytes, padding(header.length + nameBytes.length), contents, padding(contents.length)];
}

function padding(length: number): Buffer {
  return Buffer.alloc((alignment - (length % alignment)) % alignment);
}
