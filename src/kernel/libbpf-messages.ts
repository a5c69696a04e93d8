import { setPrintFunction } from './libbpf.ts';
import { vsnprintf } from './libc.ts';

export type LibbpfMessageLevel = 'warn' | 'info' | 'debug';
export type LibbpfMessageListener = (level: LibbpfMessageLevel, text: string) => void;

const LEVELS: readonly LibbpfMessageLevel[] = ['warn', 'info', 'debug'];
/** A message longer than this is cut: libbpf prints a verifier log as one message. */
const MESSAGE_BYTES = 64 * 1024;

const listeners = new Map<LibbpfMessageListener, number>();
const text = Buffer.alloc(MESSAGE_BYTES);
let installed = false;
let mostVerboseLevel = -1;

/**
 * Calls `listener` for every message libbpf prints, up to `level` (default: warnings only), during the call that causes it.
 * Without a listener nothing is printed: warnings are part of the KernelError. Returns a function that ends the subscription.
 */
export function onLibbpfMessage(listener: LibbpfMessageListener, level: LibbpfMessageLevel = 'warn'): () => void {
  installPrintFunction();
  listeners.set(listener, LEVELS.indexOf(level));
  updateVerbosity();
  return () => {
    listeners.delete(listener);
    updateVerbosity();
  };
}

/** Runs `call` and returns its result with the warnings libbpf printed meanwhile. */
export function withWarnings<Result>(call: () => Result): { result: Result; warnings: string[] } {
  const warnings: string[] = [];
  const end = onLibbpfMessage((_level, warning) => warnings.push(warning));
  try {
    return { result: call(), warnings };
  } finally {
    end();
  }
}

function updateVerbosity(): void {
  mostVerboseLevel = Math.max(-1, ...listeners.values());
}

function installPrintFunction(): void {
  if (!installed) {
    installed = true;
    setPrintFunction(print);
  }
}

/** Most messages are debug output nobody asked for: they are refused before they are formatted. */
function print(level: number, format: bigint, values: bigint): number {
  if (level > mostVerboseLevel) {
    return 0;
  }
  const length = vsnprintf(text, MESSAGE_BYTES, format, values);
  const message = text.toString('utf8', 0, Math.min(length, MESSAGE_BYTES - 1)).trimEnd();
  for (const [listener, verbosity] of [...listeners]) {
    if (level <= verbosity) {
      listener(LEVELS[level] ?? 'warn', message.replace(/^libbpf: /, ''));
    }
  }
  return length;
}
