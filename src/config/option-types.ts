/**
 * Kinds of options: each turns the text of a flag, an environment variable or a file into a value, and names what it
 * expects when it cannot.
 */
export interface OptionType<Value> {
  /** What stands for the value in the help, empty for a switch. */
  readonly placeholder: string;
  /** A switch may be given without a value. */
  readonly isSwitch?: true;
  /** May be given several times; all of them count. */
  readonly isList?: true;
  /** Throws an Error whose message completes `--name "text" is not ...`. */
  parse(text: string): Value;
  /** As a person writes it, for the help. */
  show(value: Value): string;
}

export const booleanType: OptionType<boolean> = {
  placeholder: '',
  isSwitch: true,
  parse: (text) => {
    if (/^(1|t|true)$/i.test(text)) return true;
    if (/^(0|f|false)$/i.test(text)) return false;
    throw new Error('true or false');
  },
  show: String,
};

export function textType(placeholder: string): OptionType<string> {
  return { placeholder, parse: (text) => text, show: (text) => text };
}

/** Several texts: from repeated flags, or one text with commas. */
export function listType(placeholder: string): OptionType<readonly string[]> {
  const parse = (text: string) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean);
  return { placeholder, isList: true, parse, show: (values) => values.join(',') };
}

/** One of the choices, which may have other names, too. */
export function choiceType<const Choice extends string>(
  choices: readonly Choice[],
  otherNames: Readonly<Record<string, NoInfer<Choice>>> = {},
): OptionType<Choice> {
  return {
    placeholder: choices.join('|'),
    parse: (text) => {
      const found = choices.find((choice) => choice === text) ?? otherNames[text];
      if (found === undefined) throw new Error(`one of ${choices.join(', ')}`);
      return found;
    },
    show: (choice) => choice,
  };
}

/** Several of the choices, with commas or from repeated flags. */
export function choicesType<const Choice extends string>(
  placeholder: string,
  choices: readonly Choice[],
): OptionType<readonly Choice[]> {
  const choice = choiceType(choices);
  const list = listType(placeholder);
  return { ...list, parse: (text) => list.parse(text).map(choice.parse), show: (values) => values.join(',') };
}

export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
}

export function countType(placeholder: string, { min = 0, max = 2 ** 31 - 1 }: NumberRange = {}): OptionType<number> {
  return {
    placeholder,
    parse: (text) => {
      const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
      if (!(value >= min && value <= max)) throw new Error(`a number from ${min} to ${max}`);
      return value;
    },
    show: String,
  };
}

const sizeUnits: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Bytes, with the suffixes K, M and G of 1024, 1024^2 and 1024^3. */
export function sizeType({ min = 0, max = 2 ** 40 }: NumberRange = {}): OptionType<number> {
  return {
    placeholder: 'SIZE',
    parse: (text) => {
      const match = /^(\d+)([KMG]?)i?B?$/i.exec(text);
      const bytes = match === null ? Number.NaN : Number(match[1]) * sizeUnits[match[2]!.toUpperCase()]!;
      if (!(bytes >= min && bytes <= max))
        throw new Error(`a size from ${showSize(min)} to ${showSize(max)}, such as 32M`);
      return bytes;
    },
    show: showSize,
  };
}

export function showSize(bytes: number): string {
  for (const unit of ['G', 'M', 'K']) {
    const factor = sizeUnits[unit]!;
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return String(bytes);
}

const durationUnitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** The longest a timer can be set to. */
const longestMs = 2 ** 31 - 1;

/** Milliseconds, written as `1h30m`, `15s` or `500ms`. */
export const durationType: OptionType<number> = {
  placeholder: 'TIME',
  parse: (text) => {
    const parts = /^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text) ? [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)] : [];
    const total = parts.reduce((sum, [, number, unit]) => sum + Number(number) * durationUnitsMs[unit!]!, 0);
    if (text !== '0' && (parts.length === 0 || total > longestMs))
      throw new Error('a time such as 500ms, 15s or 1h30m');
    return total;
  },
  show: showDuration,
};

function showDuration(ms: number): string {
  for (const unit of ['h', 'm', 's']) {
    const factor = durationUnitsMs[unit]!;
    if (ms >= factor && ms % factor === 0) return `${ms / factor}${unit}`;
  }
  return ms === 0 ? '0' : `${ms}ms`;
}

/** An octal file mode such as 600. */
export const fileModeType: OptionType<number> = {
  placeholder: 'MODE',
  parse: (text) => {
    if (!/^0?[0-7]{3}$/.test(text)) throw new Error('an octal file mode such as 600');
    return Number.parseInt(text, 8);
  },
  show: (mode) => mode.toString(8),
};
