import { suggest } from '../policy/suggest.ts';
import { InputError, isSystemError, systemReason } from './errors.ts';

export interface Failure {
  /** For standard error; ends with a newline. */
  readonly text: string;
  readonly status: number;
}

/**
 * What to say of an error, and the exit status: one clear line for what the user or the system did, the stack for a bug
 * of ours. `usage` is that of the command, when it was known.
 */
export function explainFailure(error: unknown, args: readonly string[], usage: string | undefined): Failure {
  if (error instanceof Error && error.name === 'UsageError') return usageFailure(error.message, args, usage);
  if (error instanceof Error && (error.name === 'ConfigError' || error.name === 'FilterError'))
    return usageFailure(error.message, args, usage);
  if (isArgumentError(error)) return usageFailure(argumentMessage(error, usage ?? ''), args, usage);
  if (error instanceof InputError) return failure(error.message, error.hint);
  if (error instanceof Error && error.name === 'KeptObjectsInUse') return failure(error.message, keptHint);
  if (error instanceof Error && error.name === 'KernelError') return failure(error.message, '');
  if (isSystemError(error)) return failure(`${error.path ?? error.syscall}: ${systemReason(error)}`, '');
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { text: `jatai: this is a bug in jatai:\n${stack}\n`, status: 70 };
}

const keptHint = 'Stop that agent, or name another folder with --bpf-dir.';

function failure(message: string, hint: string): Failure {
  return { text: `jatai: ${message}\n${hint === '' ? '' : `  hint: ${hint}\n`}`, status: 1 };
}

function usageFailure(message: string, args: readonly string[], usage: string | undefined): Failure {
  const name = /^Usage: jatai ((?:policy |outputs )?[\w-]+)/.exec(usage ?? '')?.[1];
  const help = name === undefined ? 'jatai help' : `jatai ${name} --help`;
  const shown = args.length === 0 ? '' : `Run '${help}' for its use.\n`;
  return { text: `jatai: ${message}\n${shown}`, status: 2 };
}

function isArgumentError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS_');
}

/** What node:util says, in short and with the nearest option of the usage text. */
function argumentMessage(error: Error, usage: string): string {
  const unknown = /^Unknown option '(-[^']*)'/.exec(error.message)?.[1];
  if (unknown !== undefined) {
    const hint = suggest(unknown, new Set(usage.match(/--[a-z][a-z-]*/g)));
    return `Unknown option "${unknown}"${hint === '' ? '' : `. ${hint}`}`;
  }
  const option = /(--[\w-]+)/.exec(error.message)?.[1] ?? '';
  if (error.message.includes('does not take an argument')) return `${option} takes no value`;
  if (/argument (missing|is ambiguous)/.test(error.message)) return `${option} needs a value`;
  return error.message;
}
