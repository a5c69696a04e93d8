/** A file of an archive. */
export interface TarEntry {
  /** Relative path, at most 99 bytes. */
  readonly name: string;
  readonly content: Buffer;
}

/** An archive in the ustar format of POSIX; files belong to root and only root may read them. */
export function tarArchive(entries: readonly TarEntry[], modifiedAt: Date): Buffer {
  const blocks = entries.flatMap(({ name, content }) => {
    const padding = Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes);
    return [header(name, content.length, modifiedAt), content, padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]);
}

/**
 * | bytes | field |
 * |---|---|
 * | 0..99 | name |
 * | 100..123 | mode, user, group, in octal |
 * | 124..147 | size, time |
 * | 148..155 | sum of all bytes, this field as blanks |
 * | 156 | kind: `0` is a file |
 * | 257..264 | `ustar`, version |
 */
function header(name: string, size: number, modifiedAt: Date): Buffer {
  const block = Buffer.alloc(blockBytes);
  if (Buffer.byteLength(name) > 99) throw new Error(`the name ${name} is too long for an archive`);
  block.write(name, 0);
  block.write('0000600\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  const seconds = Math.floor(modifiedAt.getTime() / 1000);
  block.write(`${seconds.toString(8).padStart(11, '0')}\0`, 136);
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\0' + '00', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

const blockBytes = 512;
