import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A field of a message of the API: its type is that of one element when it is a list, of one value when it is a map. */
export interface MessageField {
  readonly type: string;
  readonly kind: 'single' | 'list' | 'map';
}

/** The fields of a message by name, in the order of the definition. */
export type MessageFields = ReadonlyMap<string, MessageField>;

/** The messages of events by name, as `api/tetragon/` defines them; read when they are first needed. */
export function eventMessages(): ReadonlyMap<string, MessageFields> {
  messages ??= new Map(files.flatMap((file) => [...parseMessages(readFileSync(join(folder, file), 'utf8'))]));
  return messages;
}

/** The values of the enums of events by name. */
export function enumValues(): ReadonlyMap<string, ReadonlyMap<string, number>> {
  enums ??= new Map(enumFiles.flatMap((file) => [...parseEnums(readFileSync(join(folder, file), 'utf8'))]));
  return enums;
}

/** The fields of `GetEventsResponse` that are events: `process_exec` and the message `ProcessExec`. */
export function eventFields(): readonly { readonly field: string; readonly message: string }[] {
  const response = eventMessages().get('GetEventsResponse')!;
  return [...response]
    .filter(([name]) => name.startsWith('process_') || name === 'test' || name === 'rate_limit_info')
    .map(([field, { type }]) => ({ field, message: type }));
}

/** Finds the messages of a file; what else a definition may have is not used in ours. */
function* parseMessages(text: string): Generator<[string, MessageFields]> {
  const code = text.replace(/\/\/.*$/gm, '');
  for (const [, name, body] of code.matchAll(/^message (\w+) \{$([\s\S]*?)^\}/gm)) {
    const fields = new Map<string, MessageField>();
    for (const match of body!.matchAll(/^\s*(repeated )?(map<string, )?([\w.]+)>? (\w+) = \d+/gm)) {
      const [, repeated, map, type, field] = match;
      const kind = repeated !== undefined ? 'list' : map !== undefined ? 'map' : 'single';
      fields.set(field!, { type: type!, kind });
    }
    yield [name!, fields];
  }
}

function* parseEnums(text: string): Generator<[string, ReadonlyMap<string, number>]> {
  const code = text.replace(/\/\/.*$/gm, '');
  for (const [, name, body] of code.matchAll(/^enum (\w+) \{$([\s\S]*?)^\}/gm)) {
    yield [name!, new Map([...body!.matchAll(/^\s*(\w+) = (\d+)/gm)].map((match) => [match[1]!, Number(match[2])]))];
  }
}

let enums: ReadonlyMap<string, ReadonlyMap<string, number>> | undefined;
let messages: ReadonlyMap<string, MessageFields> | undefined;
const folder = join(import.meta.dirname, '..', '..', 'api', 'tetragon');
const files = ['tetragon.proto', 'events.proto'];
const enumFiles = [...files, 'capabilities.proto', 'bpf.proto'];
