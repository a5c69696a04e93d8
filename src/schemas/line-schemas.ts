import { ecsEvent, ecsUnreadable } from './ecs.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import { ocsfEvent, ocsfUnreadable } from './ocsf.ts';

/**
 * Puts an event into another schema. `line[start .. end]` is one event as Tetragon's JSON, with or without a newline; the
 * result is one JSON object without a newline. Never throws: what cannot be read becomes an event that says so and has
 * the text.
 */
export type LineSchema = (line: Buffer, start: number, end: number) => Buffer;

export type SchemaName = keyof typeof eventSchemas;

/** Puts an event, as parsed from Tetragon's JSON, into another schema. Leaves the event as it is. */
export type EventSchema = (event: JsonObject) => JsonObject;

export const eventSchemas = { ocsf: ocsfEvent, ecs: ecsEvent } as const;

/** The schemas that outputs can have besides Tetragon's own. */
export const lineSchemas: Readonly<Record<SchemaName, LineSchema>> = {
  ocsf: (line, start, end) => convert(line.toString('utf8', start, end), ocsfEvent, ocsfUnreadable),
  ecs: (line, start, end) => convert(line.toString('utf8', start, end), ecsEvent, ecsUnreadable),
};

type Unreadable = (text: string, reason: string) => JsonObject;

/** An output must go on whatever a line is like, so a failure is told in the output itself. */
function convert(text: string, schema: EventSchema, unreadable: Unreadable): Buffer {
  try {
    const event = JSON.parse(text) as Json;
    if (!isObject(event)) throw new Error('it is no object');
    return Buffer.from(JSON.stringify(schema(event)));
  } catch (error) {
    return Buffer.from(JSON.stringify(unreadable(text.trimEnd(), (error as Error).message)));
  }
}
