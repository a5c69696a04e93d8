import type { Option, Options } from './option.ts';

const column = 36;
const lineWidth = 118;

/** The lines of a help text for options, one for each with its default. */
export function helpLines(options: Options): string {
  return Object.entries(options)
    .map(([name, option]) => helpLine(name, option))
    .join('\n');
}

// biome-ignore lint/suspicious/noExplicitAny: options of all types
function helpLine(name: string, { type, initial, help, aliases }: Option<any>): string {
  const short = aliases.find((alias) => alias.length === 1);
  const flag = `${short === undefined ? '' : `-${short}, `}--${name}${type.placeholder === '' ? '' : ` ${type.placeholder}`}`;
  const isEmpty = initial === undefined || initial === false || initial === '' || initial.length === 0;
  const lines = wrap(`${help}${isEmpty ? '' : ` (default ${type.show(initial)})`}`, lineWidth - column - 2);
  const text = lines.join(`\n  ${' '.repeat(column)}`);
  return flag.length > column - 2 ? `  ${flag}\n  ${' '.repeat(column)}${text}` : `  ${flag.padEnd(column)}${text}`;
}

function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last === '') lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
