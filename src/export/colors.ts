export type ColorMode = 'always' | 'never' | 'auto';

/** Puts text in a colour, or leaves it alone. */
export interface Colors {
  readonly red: Paint;
  readonly green: Paint;
  readonly blue: Paint;
  readonly magenta: Paint;
  readonly cyan: Paint;
}

export type Paint = (text: string) => string;

/** `auto` is a terminal without `NO_COLOR` in its environment (https://no-color.org). */
export function colorsFor(mode: ColorMode, isTerminal: boolean, environment: NodeJS.ProcessEnv): Colors {
  const enabled = mode === 'always' || (mode === 'auto' && isTerminal && !environment['NO_COLOR']);
  const paint = (code: number): Paint =>
    enabled ? (text) => (text === '' ? '' : `\u001b[${code}m${text}\u001b[0m`) : (text) => text;
  return { red: paint(31), green: paint(32), blue: paint(34), magenta: paint(35), cyan: paint(36) };
}
