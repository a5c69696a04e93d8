import { limits } from '../events/wire.ts';

/** What a cost depends on that no policy says. */
export interface Assumptions {
  /** Directories and the file name in a path that is followed to the root. */
  readonly pathComponents: number;
  /** Bytes of one component. */
  readonly nameBytes: number;
  /** Bytes of a string argument. */
  readonly stringBytes: number;
  /** Bytes of a record of a matched call. */
  readonly recordBytes: number;
  /** A return program finds the call that waits for it. */
  readonly returnAwaited: boolean;
}

export const leastAssumed: Assumptions = {
  pathComponents: 1,
  nameBytes: 1,
  stringBytes: 1,
  recordBytes: 64,
  returnAwaited: false,
};
/** `/usr/lib/ssl/openssl.cnf` */
export const typicallyAssumed: Assumptions = {
  pathComponents: 4,
  nameBytes: 8,
  stringBytes: 24,
  recordBytes: 128,
  returnAwaited: false,
};
export const mostAssumed: Assumptions = {
  pathComponents: limits.PATH_COMPONENTS,
  nameBytes: 16,
  stringBytes: limits.STRING_SIZE,
  recordBytes: limits.STRING_SIZE,
  returnAwaited: false,
};
