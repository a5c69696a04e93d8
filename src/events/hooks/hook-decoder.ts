import type { DecodeError, HookRecord, RecordHeader, RecordValue } from '../decode.ts';
import { hookRecord, limits, recordHeader, valueHeader } from '../wire.ts';

/**
 * Reads hook records, of which there are many, into one object that is used again for each: what `record` says is valid
 * until the next call. Checks like `decode.ts`.
 */
export class HookDecoder {
  readonly record: HookRecord;
  readonly #header: Mutable<RecordHeader>;
  readonly #record: Mutable<HookRecord>;
  readonly #values: (RecordValue | undefined)[] = new Array(limits.VALUES).fill(undefined);
  /** An object for each value, made when a record first has it. */
  readonly #pool: Mutable<RecordValue>[] = [];
  /** Indexes of the values that the last record had. */
  readonly #present = new Uint8Array(limits.VALUES);
  #presentCount = 0;

  constructor() {
    const nowhere = Buffer.alloc(0);
    this.#header = {
      kind: 0,
      flags: 0,
      ktimeLow: 0,
      ktimeHigh: 0,
      execKtimeLow: 0,
      execKtimeHigh: 0,
      tgid: 0,
      tid: 0,
    };
    this.#record = {
      header: this.#header,
      buffer: nowhere,
      view: new DataView(nowhere.buffer, nowhere.byteOffset, 0),
      planId: 0,
      matchStart: 0,
      matchWords: 0,
      valuesStart: 0,
      valuesEnd: 0,
      values: this.#values,
      callIdLow: 0,
      callIdHigh: 0,
    };
    this.record = this.#record;
  }

  /** The bytes of a buffer that records are in; made when it is another one than before. */
  viewOf(buffer: Buffer): DataView {
    const record = this.#record;
    if (record.buffer !== buffer) {
      record.buffer = buffer;
      record.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    }
    return record.view;
  }

  /** Decodes `buffer[offset .. offset + size]`, of which `recordSize` has checked the size, into `record`. */
  decode(buffer: Buffer, offset: number, size: number): DecodeError | undefined {
    if (size < hookRecord.size) return 'truncated';
    const record = this.#record;
    const view = this.viewOf(buffer);
    const at = hookRecord.at;
    record.planId = view.getUint32(offset + at.plan_id, true);
    record.matchWords = view.getUint16(offset + at.match_words, true);
    record.matchStart = offset + hookRecord.size;
    record.callIdLow = view.getUint32(offset + at.call_id, true);
    record.callIdHigh = view.getUint32(offset + at.call_id + 4, true);
    this.#decodeHeader(view, offset);
    record.valuesStart = record.matchStart + record.matchWords * 8;
    record.valuesEnd = offset + size;
    return this.#decodeValues(
      view,
      record.valuesStart,
      record.valuesEnd,
      view.getUint16(offset + at.value_count, true),
    );
  }

  #decodeHeader(view: DataView, offset: number): void {
    const header = this.#header;
    const at = recordHeader.at;
    header.kind = view.getUint16(offset + at.kind, true);
    header.flags = view.getUint16(offset + at.flags, true);
    header.ktimeLow = view.getUint32(offset + at.ktime, true);
    header.ktimeHigh = view.getUint32(offset + at.ktime + 4, true);
    header.execKtimeLow = view.getUint32(offset + at.exec_ktime, true);
    header.execKtimeHigh = view.getUint32(offset + at.exec_ktime + 4, true);
    header.tgid = view.getUint32(offset + at.tgid, true);
    header.tid = view.getUint32(offset + at.tid, true);
  }

  #decodeValues(view: DataView, start: number, end: number, count: number): DecodeError | undefined {
    this.#forgetValues();
    if (start > end) return 'inconsistent';
    let position = start;
    for (let remaining = count; remaining > 0; remaining--) {
      if (position + valueHeader.size > end) return 'inconsistent';
      const index = view.getUint16(position + valueHeader.at.value, true);
      const status = view.getUint16(position + valueHeader.at.status, true);
      const length = view.getUint32(position + valueHeader.at.length, true);
      position += valueHeader.size;
      if (length > end - position || index >= limits.VALUES) return 'inconsistent';
      this.#setValue(index, position, length, status);
      position += (length + 7) & ~7;
    }
    return undefined;
  }

  #setValue(index: number, start: number, length: number, status: number): void {
    const value = this.#pool[index];
    if (value === undefined) {
      this.#pool[index] = { start, length, status };
    } else {
      value.start = start;
      value.length = length;
      value.status = status;
    }
    if (this.#values[index] === undefined) this.#present[this.#presentCount++] = index;
    this.#values[index] = this.#pool[index];
  }

  #forgetValues(): void {
    for (let place = 0; place < this.#presentCount; place++) this.#values[this.#present[place]!] = undefined;
    this.#presentCount = 0;
  }
}

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };
