import { ownCopy } from '../byte-arena.ts';
import { processFlags } from '../wire.ts';
import { type ProcessImage, type TextRange, wholeRange } from './process.ts';

/**
 * Bounds the memory of long arguments and environments, which whoever is watched chooses: of the oldest only the
 * beginning stays. Their events say so, by the flags of arguments and environments that are not whole.
 */
export class LongTexts {
  /** Programs of which that became true. */
  cuts = 0;
  /** Of the texts that count. */
  bytes = 0;
  readonly #maxBytes: number;
  readonly #bytesOf = new Map<ProcessImage, number>();

  constructor(maxBytes = defaultBytes) {
    this.#maxBytes = maxBytes;
  }

  /** To be called when the texts of an image are complete. */
  add(image: ProcessImage): void {
    const bytes = longLength(image.args) + longLength(image.environment);
    if (bytes === 0 || image.holders === 0) return;
    this.forget(image);
    this.#bytesOf.set(image, bytes);
    this.bytes += bytes;
    for (const [oldest] of this.#bytesOf) {
      if (this.bytes <= this.#maxBytes) return;
      this.forget(oldest);
      this.cuts++;
      cut(oldest);
    }
  }

  /** To be called when no process has the image any more. */
  forget(image: ProcessImage): void {
    this.bytes -= this.#bytesOf.get(image) ?? 0;
    this.#bytesOf.delete(image);
  }
}

/** `args` becomes another object in any case: encoded processes are known by it. */
function cut(image: ProcessImage): void {
  const { args, environment } = image;
  if (longLength(args) > 0) image.cutFlags |= processFlags.TRUNC_ARGS;
  image.args = { ...args, ...beginningOf(args) };
  if (longLength(environment) === 0) return;
  image.cutFlags |= processFlags.ERROR_ENVS;
  const beginning = beginningOf(environment);
  /* Only whole variables, as in any environment that is not whole. */
  image.environment = { ...beginning, end: beginning.bytes.lastIndexOf(0) + 1 };
}

function beginningOf({ bytes, start, end }: TextRange): TextRange {
  return wholeRange(ownCopy(bytes.subarray(start, Math.min(end, start + shortBytes))));
}

function longLength({ start, end }: TextRange): number {
  return end - start > shortBytes ? end - start : 0;
}

const shortBytes = 4096;
const defaultBytes = 32 * 1024 * 1024;
