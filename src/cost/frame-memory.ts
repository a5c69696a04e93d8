import { frame, frameValue } from '../events/wire.ts';
import { type AbstractValue, unknownData, zero } from './abstract-value.ts';

/** The frame of a simulated run: the words that the program sets itself are known. */
export class FrameMemory {
  readonly #words = new Map<number, AbstractValue>();
  #matched = false;

  /** Whether a selector matched so far. */
  get matched(): boolean {
    return this.#matched;
  }

  load(at: number): AbstractValue {
    const known = this.#words.get(at);
    if (known !== undefined) return known;
    /* They are 0 when a run claims the frame. */
    if (isControlWord(at)) return zero;
    if (at < frame.at.values || at >= frame.at.strings) return unknownData;
    const field = (at - frame.at.values) % frameValue.size;
    if (field === frameValue.at.status) return { kind: 'unknown', nature: 'status' };
    return field === frameValue.at.length ? { kind: 'unknown', nature: 'length' } : unknownData;
  }

  store(at: number, value: AbstractValue): void {
    this.#words.set(at, value);
    if (value.kind === 'number' && value.value !== 0n && isMatchWord(at)) this.#matched = true;
  }
}

const controlWords = new Set<number>(
  (['done', 'want', 'signals', 'refusals', 'call_id'] as const).map((field) => frame.at[field]),
);
const wordArrays = (['matches', 'candidates', 'atoms'] as const).map((name) => {
  const { offset, size, count } = frame.fields.find((field) => field.name === name)!;
  return { name, from: offset, to: offset + size * count };
});

function isControlWord(at: number): boolean {
  return controlWords.has(at) || wordArrays.some(({ from, to }) => at >= from && at < to);
}

function isMatchWord(at: number): boolean {
  return wordArrays.some(({ name, from, to }) => name === 'matches' && at >= from && at < to);
}
