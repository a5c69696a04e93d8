import type { JsonEvent } from '../../client/agent-client.ts';
import { ProcessTree } from '../../client/process-tree.ts';
import { type CompactJsonOptions, compactJsonText } from '../../export/compact-json.ts';

/** The text of an event, with a newline at the end; empty for one that is not shown. */
export type EventPrinter = (event: JsonEvent) => string;

export interface EventPrinterOptions extends CompactJsonOptions {
  readonly form: 'json' | 'compact' | 'tree' | 'tty';
  /** Path of the terminal for `tty`. */
  readonly terminal: string;
  /** Puts events into another schema, for `json`. */
  readonly schema: ((event: JsonEvent) => object) | undefined;
}

export function eventPrinter(options: EventPrinterOptions): EventPrinter {
  switch (options.form) {
    case 'json':
      return (event) => `${JSON.stringify(options.schema?.(event) ?? event)}\n`;
    case 'compact':
      return (event) => withNewline(compactJsonText(event, options));
    case 'tree':
      return treePrinter(options);
    case 'tty':
      return (event) => terminalOutput(event, options.terminal);
    default:
      return options.form satisfies never;
  }
}

function treePrinter(options: EventPrinterOptions): EventPrinter {
  const tree = new ProcessTree();
  return (event) =>
    tree
      .add(event)
      .map(({ depth, event: shown }) => {
        const text = compactJsonText(shown, options);
        return text === '' ? '' : withNewline(text.replaceAll(/^/gm, '  '.repeat(depth)));
      })
      .join('');
}

function withNewline(text: string): string {
  return text === '' ? '' : `${text}\n`;
}

/** What a policy on `tty_write` saw: the bytes as they went to the terminal. */
function terminalOutput(event: JsonEvent, terminal: string): string {
  const call = event['process_kprobe'];
  if (call?.function_name !== 'tty_write' || call.args?.[0]?.file_arg?.path !== terminal) return '';
  return Buffer.from(call.args[1]?.bytes_arg ?? '', 'base64').toString('utf8');
}
