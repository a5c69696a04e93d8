import type { OptionType } from './option-types.ts';

/** One setting of a program: its kind, what it is when nobody sets it, and its line in the help. */
export interface Option<Value> {
  readonly type: OptionType<Value>;
  readonly initial: Value | undefined;
  readonly help: string;
  /** Another name, of one letter for `-o`, or the name Tetragon or an earlier version gave it. */
  readonly aliases: readonly string[];
}

// biome-ignore lint/suspicious/noExplicitAny: options of all types side by side
export type Options = Readonly<Record<string, Option<any>>>;

export type OptionValue<Given> = Given extends Option<infer Value> ? Value : never;

/** The settings by name; undefined where nothing was given and there is no default. */
export type OptionValues<Given extends Options> = {
  readonly [Name in keyof Given]: OptionValue<Given[Name]>;
};

/** An option that has a value in any case. */
export function option<Value>(
  type: OptionType<Value>,
  initial: Value,
  help: string,
  ...aliases: string[]
): Option<Value> {
  return { type, initial, help, aliases };
}

/** An option that may be left out. */
export function optional<Value>(
  type: OptionType<Value>,
  help: string,
  ...aliases: string[]
): Option<Value | undefined> {
  return { type: type as OptionType<Value | undefined>, initial: undefined, help, aliases };
}

/** The option a name or another name of it stands for. */
export function findOption(options: Options, name: string): string | undefined {
  if (Object.hasOwn(options, name)) return name;
  return Object.keys(options).find((candidate) => options[candidate]!.aliases.includes(name));
}
