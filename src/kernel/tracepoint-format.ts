import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { TracepointField, TracepointFormat } from '../compiler/kernel-facts.ts';
import { KernelError } from './kernel-error.ts';
import { mountTracefs, TRACEFS } from './mounts.ts';

/** Bytes of a pointer: fields of system calls are pointers of that size. */
const POINTER_BYTES = 8;

/**
 * Reads the record layout of a tracepoint from tracefs, which is mounted at /sys/kernel/tracing when it is not. Undefined
 * when the kernel has no such tracepoint; throws a KernelError when tracefs cannot be mounted.
 */
export function readTracepointFormat(subsystem: string, event: string): TracepointFormat | undefined {
  const path = `${mountTracefs()}/events/${subsystem}/${event}/format`;
  return existsSync(path) ? parseTracepointFormat(readFileSync(path, 'utf8'), subsystem) : undefined;
}

/** Whether there is a tracepoint, named as `subsystem/event`. */
export function hasTracepoint(key: string): boolean {
  return /^[\w-]+\/[\w-]+$/.test(key) && existsSync(`${tracefsOrNothing()}/events/${key}/format`);
}

/** All tracepoints as `subsystem/event`; empty when there is no tracefs. */
export function listTracepoints(): Set<string> {
  const events = `${tracefsOrNothing()}/events`;
  const subsystems = readFolders(events);
  return new Set(
    subsystems.flatMap((subsystem) => readFolders(`${events}/${subsystem}`).map((event) => `${subsystem}/${event}`)),
  );
}

function tracefsOrNothing(): string {
  try {
    return mountTracefs();
  } catch (error) {
    if (error instanceof KernelError) {
      return TRACEFS.path;
    }
    throw error;
  }
}

function readFolders(path: string): string[] {
  if (!existsSync(path)) {
    return [];
  }
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/**
 * Parses the text of a format file:
 *
 *     ID: 310
 *     format:
 *     	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
 *     	field:__data_loc char[] filename;	offset:8;	size:4;	signed:0;
 */
export function parseTracepointFormat(text: string, subsystem = ''): TracepointFormat {
  const id = /^ID: (\d+)$/m.exec(text)?.[1];
  if (id === undefined) {
    throw new Error('tracepoint format without an "ID:" line');
  }
  const fields = [...text.matchAll(FIELD)].map((match) => parseField(match, subsystem === 'syscalls'));
  return { id: Number(id), fields };
}

const FIELD = /^\s*field:(.+?);\s*offset:(\d+);\s*size:(\d+);(?:\s*signed:([01]);)?/gm;
const DATA_LOCATION = /^(?:__data_loc|__rel_loc) /;

function parseField(match: RegExpMatchArray, ofSyscall: boolean): TracepointField {
  const declaration = match[1]!.trim();
  const size = Number(match[3]);
  const { type, name, shape } = parseDeclaration(declaration);
  const user = ofSyscall && type.endsWith('*') && size === POINTER_BYTES;
  return {
    name,
    type,
    offset: Number(match[2]),
    size,
    signed: match[4] === '1',
    shape,
    ...(user ? { user } : {}),
  };
}

type Declaration = Pick<TracepointField, 'type' | 'name' | 'shape'>;

function parseDeclaration(text: string): Declaration {
  const declaration = withoutQualifiers(text);
  if (DATA_LOCATION.test(declaration)) {
    const [, type, name] = /^\S+ (.+?)(?:\[\])? *\b(\w+)$/.exec(declaration) ?? [];
    return { type: spell(type ?? 'char'), name: name ?? '', shape: 'dataLocation' };
  }
  const array = /^(.+?) *\b(\w+)\[[^\]]*\]$/.exec(declaration);
  if (array) {
    return { type: spell(array[1]!), name: array[2]!, shape: 'array' };
  }
  const scalar = /^(.*?)\b(\w+)$/.exec(declaration);
  return { type: spell(scalar?.[1] ?? declaration), name: scalar?.[2] ?? '', shape: 'scalar' };
}

function withoutQualifiers(text: string): string {
  return text.replace(/\b(?:const|volatile|__user)\b */g, '').trim();
}

/** `char*` and `char  *` become `char *`, `char * *` becomes `char **`. */
function spell(type: string): string {
  return type
    .replace(/\s+/g, ' ')
    .replace(/\s*\*\s*/g, '*')
    .replace(/([^*])(\*+)/g, '$1 $2')
    .trim();
}
