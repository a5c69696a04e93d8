import { spawnSync } from 'node:child_process';

/** Offsets in the header of an x86 kernel image, from the kernel's Documentation/arch/x86/boot.rst. */
const setupSectorsOffset = 0x1f1;
const headerMagicOffset = 0x202;
const payloadOffsetOffset = 0x248;
const payloadLengthOffset = 0x24c;
const sectorBytes = 512;
/** The payload ends with its uncompressed size, which decompressors do not expect. */
const sizeSuffixBytes = 4;
const vmlinuxLimit = 1 << 30;

const decompressors = [
  { magic: 'fd377a585a00', program: 'xz', args: ['--decompress', '--stdout', '--single-stream'] },
  { magic: '28b52ffd', program: 'zstd', args: ['--decompress', '--stdout'] },
];

/**
 * Takes the ELF kernel out of a bzImage.
 *
 * QEMU starts it directly (PVH), so that the guest need not decompress itself under emulation: 1 to 4 seconds a boot.
 */
export function extractVmlinux(bzImage: Buffer): Buffer {
  if (bzImage.toString('latin1', headerMagicOffset, headerMagicOffset + 4) !== 'HdrS') {
    throw new Error('the kernel image is not an x86 bzImage');
  }
  const setupSectors = bzImage.readUInt8(setupSectorsOffset) || 4;
  const start = (setupSectors + 1) * sectorBytes + bzImage.readUInt32LE(payloadOffsetOffset);
  const length = bzImage.readUInt32LE(payloadLengthOffset) - sizeSuffixBytes;
  const payload = bzImage.subarray(start, start + length);
  const magic = payload.toString('hex', 0, 6);
  const decompressor = decompressors.find((candidate) => magic.startsWith(candidate.magic));
  if (decompressor === undefined) throw new Error(`the kernel image is compressed in an unknown way (${magic})`);
  const { program, args } = decompressor;
  const { status, stdout, stderr, error } = spawnSync(program, args, { input: payload, maxBuffer: vmlinuxLimit });
  if (error !== undefined || status !== 0) {
    throw new Error(`${program} cannot decompress the kernel image: ${error?.message ?? stderr.toString()}`);
  }
  return stdout;
}
