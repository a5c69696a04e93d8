import type { Option, Options } from './option.ts';

const column = 36;

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
  const text = `${help}${isEmpty ? '' : ` (default ${type.show(initial)})`}`;
  return flag.length > column - 2 ? `  ${flag}\n  ${' '.repeat(column)}${text}` : `  ${flag.padEnd(column)}${text}`;
}
