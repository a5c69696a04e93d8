/**
 * What was sent on a connection and may not have arrived: the system takes bytes before the receiver has them, and
 * nothing in syslog says that they came. When the connection ends, the frames that are here are sent once more.
 *
 * - The receiver closed it in order: its system had handed over all that came before, but the program may not have dealt
 *   with it yet. Frames of the last `windowMs` are sent again.
 * - The connection broke: bytes may also have been in the buffers of both systems. All frames are sent again: those of
 *   the last `windowMs`, and in any case the last `socketBytes`, which is more than these buffers hold, unless they are
 *   older than `maxAgeMs`.
 *
 * `maxBytes` bounds them all.
 */
export class ResendWindow {
  readonly #windowMs: number;
  readonly #maxBytes: number;
  readonly #entries: { readonly frame: Buffer; sentAtMs: number }[] = [];
  /** Entries before this index are gone; they are removed now and then. */
  #first = 0;
  #bytes = 0;

  constructor(windowMs: number, maxBytes: number) {
    this.#windowMs = windowMs;
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#entries.length - this.#first;
  }

  /** Frames that the system has taken. `nowMs`: a clock that never goes back, here and below. */
  add(frames: readonly Buffer[], nowMs: number): void {
    for (const frame of frames) {
      this.#entries.push({ frame, sentAtMs: nowMs });
      this.#bytes += frame.length;
    }
    while (this.size > 0 && !this.#isNeeded(nowMs)) this.#dropFirst();
    this.#compact();
  }

  /** The connection ended: forgets what need not be sent again. */
  connectionEnded(inOrder: boolean, nowMs: number): void {
    const oldest = nowMs - (inOrder ? this.#windowMs : maxAgeMs);
    while (this.size > 0 && this.#isOlder(oldest)) this.#dropFirst();
    this.#compact();
  }

  /** All frames, to be sent on a new connection. */
  frames(): Buffer[] {
    return this.#entries.slice(this.#first).map(({ frame }) => frame);
  }

  /** They were. */
  sentAgain(nowMs: number): void {
    for (const entry of this.#entries) entry.sentAtMs = nowMs;
  }

  /** Whether the first frame must be kept. */
  #isNeeded(nowMs: number): boolean {
    if (this.#bytes > this.#maxBytes || this.#isOlder(nowMs - maxAgeMs)) return false;
    return this.#bytes <= socketBytes || !this.#isOlder(nowMs - this.#windowMs);
  }

  #isOlder(timeMs: number): boolean {
    return this.#entries[this.#first]!.sentAtMs < timeMs;
  }

  #dropFirst(): void {
    this.#bytes -= this.#entries[this.#first]!.frame.length;
    this.#first++;
  }

  #compact(): void {
    if (this.#first < 1000 && this.#first < this.#entries.length) return;
    this.#entries.splice(0, this.#first);
    this.#first = 0;
  }
}

/** Linux gives a TCP connection up to 4 MiB to send from and 6 MiB to receive into (tcp_wmem, tcp_rmem). */
const socketBytes = 16 * 2 ** 20;
const maxAgeMs = 600_000;
