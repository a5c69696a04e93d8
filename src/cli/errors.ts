/** A wrong use of the command line: the message says what is wrong. Exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something outside of jatai stands in the way: a file, a permission, the kernel. Exit status 1. */
export class InputError extends Error {
  override readonly name = 'InputError';
  /** What to do about it; may be empty. */
  readonly hint: string;

  constructor(message: string, hint = '') {
    super(message);
    this.hint = hint;
  }
}

const systemReasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EISDIR: 'is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  EMFILE: 'too many open files',
  ENOSPC: 'no space left on the device',
};

export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string' && 'syscall' in error;
}

/** `no such file or directory` for ENOENT; the system's own words for what is rarer. */
export function systemReason(error: NodeJS.ErrnoException): string {
  return systemReasons[error.code ?? ''] ?? error.message;
}

/** An address that `what` cannot be served at, by the error of whoever tried to listen there. */
export function listenError(what: string, error: unknown): InputError {
  const { message, code } = error as NodeJS.ErrnoException;
  return new InputError(`${what} cannot be served: ${message}`, listenHints[code ?? ''] ?? '');
}

const listenHints: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Stop the process that serves there, or choose another address.',
  EADDRNOTAVAIL: 'The address is none of this machine.',
  EACCES: 'Ports below 1024 and folders of others need root; or choose another address.',
  ENOTFOUND: 'The name has no address here.',
};
