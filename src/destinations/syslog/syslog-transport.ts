/** A way to a syslog receiver. */
export interface SyslogTransport {
  /** Larger messages cannot be sent. */
  readonly maxMessageBytes: number;
  /**
   * Sends messages in order, each in a frame or datagram of its own; resolves when the system has taken them. Rejects with
   * the system's error, or a DestinationError that says how many were taken.
   */
  send(messages: readonly Buffer[], signal: AbortSignal): Promise<void>;
  /** Ends it, within the time of `signal`. */
  close(signal: AbortSignal): Promise<void>;
}
