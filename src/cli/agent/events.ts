import { fstatSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { AgentClient, JsonEvent } from '../../client/agent-client.ts';
import { type EventSelection, selectionFieldFilters, selectionFilters } from '../../client/event-selection.ts';
import { selectSaved } from '../../client/saved-events.ts';
import { colorsFor } from '../../export/colors.ts';
import type { EventSchema } from '../../schemas/line-schemas.ts';
import { InputError, UsageError } from '../errors.ts';
import { connectionArguments, connectionUsage, parseTimeout, withAgent } from './agent-connection.ts';
import { type EventPrinter, eventPrinter } from './event-printer.ts';
import { parseSelection, selectionArguments, selectionUsage } from './event-selection-options.ts';

export const eventsUsage = `Usage: jatai events [options]
       jatai events [options] < events.json

Prints the events of a running agent until it is interrupted. When standard input is a pipe or a file, and no
--server-address is given, it prints the events saved there as JSON lines; lines that are none are named, and make the
exit status 1.

  -o, --output FORMAT        compact or json (default: compact on a terminal, else json)
  --schema NAME              write JSON as tetragon (default), ocsf or ecs
  --tree                     order processes below their parents, calls below their processes
  --timestamps               put the time in front of compact lines
  --color WHEN               auto, always or never
  --no-stack-traces          leave stack traces out of compact text
  --no-ima-hash              leave hashes out of compact text
  -t, --tty-encode PATH      print only what processes wrote to this terminal
  --reconnect                connect again when the agent goes away
  --reconnect-wait TIME      how long to wait before that (default 2s)
  --count N                  stop after N events
  --sequence-numbers         number the events of this stream in JSON; a gap is a loss
${selectionUsage}${connectionUsage}
Examples:
  jatai events --process '^/usr/bin/curl$' -e PROCESS_EXEC,PROCESS_EXIT
  jatai events --policy-names block-shadow -o json
  jatai events --schema ocsf < /var/log/jatai/events.json
  jatai events --tree < /var/log/jatai/events.json
`;

/** `jatai events`: returns the exit status. */
export async function eventsCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseEventsArguments(args);
  if (positionals.length > 0) throw new UsageError(`Unexpected argument "${positionals[0]}"`);
  if (values['sequence-numbers'] && values['server-address'] === undefined && hasSavedEvents())
    throw new UsageError('--sequence-numbers is for live events; saved ones are as they are');
  const selection = parseSelection(values);
  const printer = makePrinter(values, await loadSchema(values));
  const write = limitedWriter(parseCount(values.count));
  if (values['server-address'] === undefined && hasSavedEvents()) return printSaved(selection, printer, write);
  const print: Print = (event) => write(printer(event));
  if (!values.reconnect) {
    await withAgent(values, (client) => printLive(client, values, selection, print));
    return 0;
  }
  return followForever(values, selection, print);
}

type EventsValues = ReturnType<typeof parseEventsArguments>['values'];

function parseEventsArguments(args: string[]) {
  return parseArgs({
    args,
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o' },
      schema: { type: 'string', default: 'tetragon' },
      tree: { type: 'boolean', default: false },
      timestamps: { type: 'boolean', default: false },
      color: { type: 'string', default: 'auto' },
      'no-stack-traces': { type: 'boolean', default: false },
      'no-ima-hash': { type: 'boolean', default: false },
      'tty-encode': { type: 'string', short: 't' },
      reconnect: { type: 'boolean', default: false },
      'reconnect-wait': { type: 'string', default: '2s' },
      count: { type: 'string' },
      'sequence-numbers': { type: 'boolean', default: false },
      ...selectionArguments,
      ...connectionArguments,
    },
  });
}

/** Loaded only when asked for. Undefined for Tetragon's own schema. */
async function loadSchema({ schema, output, tree }: EventsValues): Promise<EventSchema | undefined> {
  if (schema === 'tetragon') return undefined;
  if (schema !== 'ocsf' && schema !== 'ecs')
    throw new UsageError(`--schema "${schema}" is not one of tetragon, ocsf, ecs`);
  if (tree || output === 'compact') throw new UsageError('--schema is a form of json, not of compact text');
  const { eventSchemas } = await import('../../schemas/line-schemas.ts');
  return eventSchemas[schema];
}

function makePrinter(values: EventsValues, schema: EventSchema | undefined): EventPrinter {
  const { color } = values;
  if (color !== 'auto' && color !== 'always' && color !== 'never')
    throw new UsageError(`--color "${color}" is not one of auto, always, never`);
  const output = values.output ?? (process.stdout.isTTY && schema === undefined ? 'compact' : 'json');
  if (output !== 'compact' && output !== 'json')
    throw new UsageError(`--output "${output}" is not one of compact, json`);
  if (values.tree && values.output === 'json') throw new UsageError('--tree is a form of compact text, not of json');
  return eventPrinter({
    form: values['tty-encode'] === undefined ? (values.tree ? 'tree' : output) : 'tty',
    terminal: values['tty-encode'] ?? '',
    schema,
    colors: colorsFor(color, process.stdout.isTTY, process.env),
    timestamps: values.timestamps,
    stackTraces: !values['no-stack-traces'],
    imaHash: !values['no-ima-hash'],
  });
}

function parseCount(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError(`--count "${text}" is not a number of events`);
  return Number(text);
}

/** Prints and says whether more events are wanted. */
type Print = (event: JsonEvent) => Promise<boolean>;

/** The same with the text of an event, which may be empty. */
type Write = (text: string) => Promise<boolean>;

function limitedWriter(count: number): Write {
  let left = count;
  return async (text) => {
    if (text !== '' && !process.stdout.write(text)) await drained();
    if (text !== '') left--;
    return left > 0 && !process.stdout.destroyed;
  };
}

/** Resolves when standard output takes more, or nothing any more. */
async function drained(): Promise<void> {
  const { stdout } = process;
  if (stdout.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const events = ['drain', 'close', 'error'] as const;
  const done = (): void => resolve();
  for (const event of events) stdout.once(event, done);
  await promise;
  for (const event of events) stdout.removeListener(event, done);
}

async function printLive(
  client: AgentClient,
  values: EventsValues,
  selection: EventSelection,
  print: Print,
): Promise<boolean> {
  const request = {
    allow_list: selectionFilters(selection),
    deny_list: [],
    field_filters: selectionFieldFilters(selection),
    sequence_numbers: values['sequence-numbers'],
  };
  for await (const event of client.getEvents(request)) if (!(await print(event))) return false;
  return true;
}

/** Ends only by a signal, or when nobody wants more events. */
async function followForever(values: EventsValues, selection: EventSelection, print: Print): Promise<number> {
  const waitMs = parseTimeout(values['reconnect-wait'], 'reconnect-wait');
  for (;;) {
    try {
      if (!(await withAgent(values, (client) => printLive(client, values, selection, print)))) return 0;
      process.stderr.write('jatai: the agent ended the stream\n');
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      process.stderr.write(`jatai: ${error.message}\n`);
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** Standard input is a pipe or a file: nothing that a terminal or a service manager gives. */
function hasSavedEvents(): boolean {
  const input = fstatSync(0);
  return input.isFIFO() || input.isFile() || input.isSocket();
}

/** Lines that are damaged are named and passed over: a file that is still written to ends inside a line. */
async function printSaved(selection: EventSelection, printer: EventPrinter, write: Write): Promise<number> {
  if (selection.celExpressions.length > 0)
    throw new UsageError('--cel-expression is applied by an agent; it cannot be used on saved events');
  const select = selectSaved(selection);
  let line = 0;
  let damaged = 0;
  for await (const saved of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (saved.trim() === '') continue;
    const text = savedText(saved, select, printer);
    if (text === undefined && ++damaged <= maxNamedLines)
      process.stderr.write(`jatai: standard input, line ${line}: not an event in JSON\n`);
    if (text !== undefined && !(await write(text))) break;
  }
  if (damaged > maxNamedLines)
    process.stderr.write(`jatai: standard input: ${damaged} lines in all are not events in JSON\n`);
  return damaged === 0 ? 0 : 1;
}

const maxNamedLines = 10;

/** Empty for an event that is not wanted, undefined for what is no event. */
function savedText(
  saved: string,
  select: (event: JsonEvent) => JsonEvent | undefined,
  printer: EventPrinter,
): string | undefined {
  try {
    const event: unknown = JSON.parse(saved);
    if (typeof event !== 'object' || event === null || Array.isArray(event)) return undefined;
    const selected = select(event);
    return selected === undefined ? '' : printer(selected);
  } catch (error) {
    /* Whoever wrote the line may have put anything in the place of a field. */
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}
