import { type FunctionBuilder, type Label, R1, R2, R7 } from '../ebpf/function-builder.ts';
import { frame, limits } from '../events/wire.ts';

/**
 * A long row of bits in the frame. A run touches few of them: the first words are looked at one by one, of all others a
 * block has a bit in one more word, so that what a run clears and looks at does not grow with the number of policies.
 */
export interface BitWords {
  /** Of the first word, from the start of the frame. */
  readonly offset: number;
  /** Of the word that has a bit for each block. */
  readonly blocks: number;
  readonly wordsPerBlock: number;
}

const blockCount = 64;
/** Words without a block. */
export const plainWords = 4;

export const candidateBits = bitWords('candidates', 'candidate_blocks', limits.CANDIDATE_WORDS);
export const matchBits = bitWords('matches', 'match_blocks', limits.MATCH_WORDS);
export const atomBits = bitWords('atoms', 'atom_blocks', limits.ATOM_WORDS);

function bitWords(first: 'candidates' | 'matches' | 'atoms', blocks: keyof typeof frame.at, words: number): BitWords {
  return { offset: frame.at[first], blocks: frame.at[blocks], wordsPerBlock: Math.ceil(words / blockCount) };
}

export function wordCount(bits: number): number {
  return Math.ceil(bits / 64);
}

/** Sets bits of the row, and those of their blocks. Uses R1 and R2. */
export function emitSetBits(code: FunctionBuilder, row: BitWords, bits: readonly number[]): void {
  const words = new Map<number, bigint>();
  let blocks = 0n;
  for (const bit of bits) {
    const word = bit >> 6;
    words.set(word, (words.get(word) ?? 0n) | (1n << BigInt(bit & 63)));
    if (word >= plainWords) blocks |= 1n << BigInt(blockOf(row, word));
  }
  for (const [word, mask] of words) emitOr(code, row.offset + 8 * word, mask);
  emitOr(code, row.blocks, blocks);
}

function blockOf(row: BitWords, word: number): number {
  return Math.floor(word / row.wordsPerBlock);
}

/** Sets the bits of the mask in a word of the frame. Uses R1 and R2. */
export function emitOr(code: FunctionBuilder, offset: number, mask: bigint): void {
  if (mask === 0n) return;
  code.load(8, R1, R7, offset);
  if (mask < 0x8000_0000n) {
    code.aluImm('or', R1, Number(mask));
  } else {
    code.loadImm64(R2, mask);
    code.aluReg('or', R1, R2);
  }
  code.store(8, R7, offset, R1);
}

/** Clears the words of a row of `bits` bits that a run may have touched. Uses R1 and R2. */
export function emitClearBits(code: FunctionBuilder, row: BitWords, bits: number): void {
  const words = wordCount(bits);
  for (let word = 0; word < Math.min(words, plainWords); word++) code.storeImm(8, R7, row.offset + 8 * word, 0);
  emitBlocks(code, row, words, (first, end) => emitClearWords(code, row, first, end));
}

/**
 * Emits code for each block that a row of so many words has, run when the block has bits; then clears the blocks.
 * `emit` gets the words of the block, from `first` up to but without `end`, and clears them. Uses R1 and R2.
 */
export function emitBlocks(
  code: FunctionBuilder,
  row: BitWords,
  words: number,
  emit: (first: number, end: number) => void,
): void {
  if (words <= plainWords) return;
  const none = code.newLabel('no_block');
  const emitRange = (first: number, last: number): void => {
    const skip = code.newLabel('block');
    emitJumpUnlessSet(code, row.blocks, maskOf(first, last), skip);
    if (first === last) {
      emit(Math.max(first * row.wordsPerBlock, plainWords), Math.min((first + 1) * row.wordsPerBlock, words));
    } else {
      const middle = (first + last) >> 1;
      emitRange(first, middle);
      emitRange(middle + 1, last);
    }
    code.place(skip);
  };
  code.load(8, R1, R7, row.blocks).jumpImm('eq', R1, 0, none);
  emitRange(blockOf(row, plainWords), blockOf(row, words - 1));
  code.storeImm(8, R7, row.blocks, 0);
  code.place(none);
}

function maskOf(first: number, last: number): bigint {
  return ((1n << BigInt(last - first + 1)) - 1n) << BigInt(first);
}

export function emitClearWords(code: FunctionBuilder, row: BitWords, first: number, end: number): void {
  for (let word = first; word < end; word++) code.storeImm(8, R7, row.offset + 8 * word, 0);
}

/** Jumps when any bit of the mask is set in a word of the frame. Uses R1 and R2. */
export function emitJumpIfSet(code: FunctionBuilder, offset: number, mask: bigint, target: Label): void {
  code.load(8, R1, R7, offset);
  if (mask < 0x8000_0000n) {
    code.jumpImm('set', R1, Number(mask), target);
    return;
  }
  code.loadImm64(R2, mask);
  code.jumpReg('set', R1, R2, target);
}

export function emitJumpUnlessSet(code: FunctionBuilder, offset: number, mask: bigint, target: Label): void {
  const set = code.newLabel('set');
  emitJumpIfSet(code, offset, mask, set);
  code.jump(target);
  code.place(set);
}
