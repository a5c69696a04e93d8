import { setFlagsFromString } from 'node:v8';

/**
 * Regular expressions in the syntax of RE2, as Tetragon's filters have them, compiled for V8 so that no text makes them
 * slow: what processes are called, and with which arguments, is chosen by those who are watched. V8 has an engine that
 * needs time in proportion to the text; it is entered when the usual one has gone back too often. What that engine
 * cannot do, and what RE2 has not, is refused.
 *
 * | RE2 | here |
 * |---|---|
 * | `(?i)`, `(?i:x)`, `(?s)` | written out: V8 leaves both engines' case folding to the slow one |
 * | `(?P<name>x)`, `(?<name>x)` | a group |
 * | `\A`, `\z`, `\Q..\E`, `\x{41}`, `[[:alpha:]]` | their equivalents |
 * | `.`, `\s` | all but a line feed; tab, line feed, form feed, carriage return and space |
 * | `(?m)`, `(?U)`, `\p{..}`, `\C` | refused |
 */
export function compileRegex(pattern: string): RegExp {
  enableLinearEngine();
  const source = new Translator(pattern).translate();
  try {
    new RegExp(source);
  } catch (error) {
    throw new SyntaxError(`${(error as Error).message.replace(/^Invalid regular expression: \/.*\/\w*: /, '')}`);
  }
  try {
    new RegExp(source, 'l');
  } catch {
    throw new SyntaxError('it is too large to be matched in a time that is in proportion to the text');
  }
  return new RegExp(source);
}

/** Flags of V8 apply to what is compiled afterwards, so this may be late but must be before the first filter. */
function enableLinearEngine(): void {
  if (isLinearEngineOn) return;
  isLinearEngineOn = true;
  setFlagsFromString('--enable-experimental-regexp-engine');
  setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
  setFlagsFromString('--regexp-backtracks-before-fallback=2000');
}

let isLinearEngineOn = false;

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
}

/** Characters from `first` to `last`, as UTF-16 units. */
type Range = readonly [first: number, last: number];

class Translator {
  readonly #pattern: string;
  #position = 0;
  #flags: Flags = { ignoreCase: false, dotAll: false };

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  translate(): string {
    const outer: Flags[] = [];
    let source = '';
    while (this.#position < this.#pattern.length) {
      const character = this.#pattern[this.#position++]!;
      if (character === '(') {
        const opening = this.#group(outer);
        source += opening;
      } else if (character === ')') {
        const flags = outer.pop();
        if (flags === undefined) throw new SyntaxError('a closing parenthesis has no opening one');
        this.#flags = flags;
        source += ')';
      } else source += this.#atom(character);
    }
    if (outer.length > 0) throw new SyntaxError('a parenthesis is not closed');
    return source;
  }

  #atom(character: string): string {
    switch (character) {
      case '\\':
        return this.#escape();
      case '[':
        return this.#characterClass();
      case '.':
        return this.#flags.dotAll ? '[^]' : '[^\\n]';
      case '{':
        return this.#repetition();
      case '*':
      case '+':
      case '?':
      case '|':
      case '^':
      case '$':
        return character;
      default:
        return this.#literal(character.charCodeAt(0));
    }
  }

  /** Behind `(`; returns what opens the group, or nothing for flags of the rest of the enclosing group. */
  #group(outer: Flags[]): string {
    const rest = this.#pattern.slice(this.#position);
    if (!rest.startsWith('?')) {
      outer.push(this.#flags);
      return '(';
    }
    const named = /^\?P?<[A-Za-z_]\w*>/.exec(rest);
    if (named !== null) {
      this.#position += named[0].length;
      outer.push(this.#flags);
      return '(';
    }
    const flagged = /^\?([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])/.exec(rest);
    if (flagged === null) throw new SyntaxError(`(${rest.slice(0, 3)} is not supported`);
    this.#position += flagged[0].length;
    const flags = this.#withFlags(flagged[1]!, flagged[2] ?? '');
    if (flagged[3] === ':') outer.push(this.#flags);
    this.#flags = flags;
    return flagged[3] === ':' ? '(?:' : '';
  }

  #withFlags(on: string, off: string): Flags {
    for (const flag of on + off) {
      if (flag !== 'i' && flag !== 's') throw new SyntaxError(`the flag (?${flag}) is not supported`);
    }
    const value = (flag: string, before: boolean): boolean => !off.includes(flag) && (before || on.includes(flag));
    return { ignoreCase: value('i', this.#flags.ignoreCase), dotAll: value('s', this.#flags.dotAll) };
  }

  /** `{n,m}`, or a brace that stands for itself. */
  #repetition(): string {
    const counts = /^(\d+)(?:,(\d*))?\}/.exec(this.#pattern.slice(this.#position));
    if (counts === null) return '\\{';
    if (Math.max(Number(counts[1]), Number(counts[2] ?? 0)) > maxRepetition)
      throw new SyntaxError(`a repetition of more than ${maxRepetition} is not supported`);
    this.#position += counts[0].length;
    return `{${counts[0]}`;
  }

  /** Behind a backslash, outside a class. */
  #escape(): string {
    const character = this.#next();
    switch (character) {
      case 'A':
        return '^';
      case 'z':
        return '$';
      case 'b':
      case 'B':
        return `\\${character}`;
      case 'Q':
        return this.#quoted();
      case 'd':
      case 'D':
      case 's':
      case 'S':
      case 'w':
      case 'W':
        return classText(negatable(character, escapedClasses));
      default:
        return this.#literal(this.#escapedUnit(character));
    }
  }

  #quoted(): string {
    const end = this.#pattern.indexOf('\\E', this.#position);
    const text = this.#pattern.slice(this.#position, end === -1 ? undefined : end);
    this.#position = end === -1 ? this.#pattern.length : end + 2;
    return [...text].map((character) => this.#literal(character.codePointAt(0)!)).join('');
  }

  #literal(code: number): string {
    if (code > 0xffff) return String.fromCodePoint(code);
    const variants = this.#flags.ignoreCase ? caseVariants(code) : [code];
    return variants.length === 1 ? unitText(code) : classText(variants.map((variant): Range => [variant, variant]));
  }

  /** Behind `[`. */
  #characterClass(): string {
    const negated = this.#takeIf('^');
    let ranges: Range[] = [];
    for (let first = true; ; first = false) {
      const character = this.#next();
      if (character === ']' && !first) break;
      const named = character === '[' ? /^:(\^?)([a-z]+):\]/.exec(this.#pattern.slice(this.#position)) : null;
      if (named !== null) {
        this.#position += named[0].length;
        const known = posixClasses[named[2]!];
        if (known === undefined) throw new SyntaxError(`[:${named[2]}:] is not a class`);
        ranges = [...ranges, ...(named[1] === '^' ? inverse(known) : known)];
      } else if (character === '\\' && /[dDsSwW]/.test(this.#pattern[this.#position] ?? '')) {
        ranges = [...ranges, ...negatable(this.#next(), escapedClasses)];
      } else ranges.push(this.#classRange(character));
    }
    const folded = this.#flags.ignoreCase ? ranges.flatMap(foldedRange) : ranges;
    return classText(negated ? inverse(folded) : folded);
  }

  #classRange(character: string): Range {
    const first = this.#classUnit(character);
    const isRange = this.#pattern[this.#position] === '-' && this.#pattern[this.#position + 1] !== ']';
    if (!isRange) return [first, first];
    this.#position++;
    const last = this.#classUnit(this.#next());
    if (last < first) throw new SyntaxError('a range of characters ends before it begins');
    return [first, last];
  }

  #classUnit(character: string): number {
    const code = character === '\\' ? this.#escapedUnit(this.#next()) : character.charCodeAt(0);
    if (code > 0xffff || (code >= 0xd800 && code <= 0xdfff))
      throw new SyntaxError('characters above U+FFFF are not supported in a class');
    return code;
  }

  /** The code of the character that a backslash and `character` stand for. */
  #escapedUnit(character: string): number {
    const control = controlEscapes[character];
    if (control !== undefined) return control;
    if (character === 'x') return this.#hexadecimal();
    const octal = /^[0-7]{1,2}/.exec(this.#pattern.slice(this.#position));
    if (character === '0' || (/[1-7]/.test(character) && octal !== null)) {
      this.#position += octal?.[0].length ?? 0;
      return Number.parseInt(character + (octal?.[0] ?? ''), 8);
    }
    if (/[0-9A-Za-z]/.test(character)) throw new SyntaxError(`\\${character} is not supported`);
    return character.charCodeAt(0);
  }

  #hexadecimal(): number {
    const digits = /^(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))/.exec(this.#pattern.slice(this.#position));
    const code = digits === null ? Number.NaN : Number.parseInt(digits[1] ?? digits[2]!, 16);
    if (!(code <= 0x10ffff)) throw new SyntaxError('\\x needs two digits, or up to six in braces');
    this.#position += digits![0].length;
    return code;
  }

  #next(): string {
    const character = this.#pattern[this.#position++];
    if (character === undefined) throw new SyntaxError('it ends too early');
    return character;
  }

  #takeIf(character: string): boolean {
    if (this.#pattern[this.#position] !== character) return false;
    this.#position++;
    return true;
  }
}

function negatable(letter: string, classes: Readonly<Record<string, readonly Range[]>>): readonly Range[] {
  const known = classes[letter.toLowerCase()]!;
  return letter === letter.toLowerCase() ? known : inverse(known);
}

function caseVariants(code: number): number[] {
  const character = String.fromCharCode(code);
  const others = [character.toLowerCase(), character.toUpperCase()].filter((text) => text.length === 1);
  return [...new Set([code, ...others.map((text) => text.charCodeAt(0))])];
}

function foldedRange([first, last]: Range): Range[] {
  const folded: Range[] = [[first, last]];
  for (let code = first; code <= last; code++) {
    for (const variant of caseVariants(code)) {
      if (variant < first || variant > last) folded.push([variant, variant]);
    }
  }
  return folded;
}

/** All units that are in none of the ranges. */
function inverse(ranges: readonly Range[]): Range[] {
  const rest: Range[] = [];
  let next = 0;
  for (const [first, last] of [...ranges].sort((left, right) => left[0] - right[0])) {
    if (first > next) rest.push([next, first - 1]);
    next = Math.max(next, last + 1);
  }
  if (next <= 0xffff) rest.push([next, 0xffff]);
  return rest;
}

function classText(ranges: readonly Range[]): string {
  return `[${ranges.map(([first, last]) => (first === last ? unitText(first) : `${unitText(first)}-${unitText(last)}`)).join('')}]`;
}

function unitText(code: number): string {
  const character = String.fromCharCode(code);
  return /[A-Za-z0-9_]/.test(character) ? character : `\\u${code.toString(16).padStart(4, '0')}`;
}

const maxRepetition = 1000;
const controlEscapes: Readonly<Record<string, number>> = { a: 7, t: 9, n: 10, v: 11, f: 12, r: 13 };
const digits: Range = [0x30, 0x39];
const upper: Range = [0x41, 0x5a];
const lower: Range = [0x61, 0x7a];
const escapedClasses: Readonly<Record<string, readonly Range[]>> = {
  d: [digits],
  s: [
    [9, 10],
    [12, 13],
    [32, 32],
  ],
  w: [digits, upper, [0x5f, 0x5f], lower],
};
const posixClasses: Readonly<Record<string, readonly Range[]>> = {
  alnum: [digits, upper, lower],
  alpha: [upper, lower],
  ascii: [[0, 0x7f]],
  blank: [
    [9, 9],
    [32, 32],
  ],
  cntrl: [
    [0, 0x1f],
    [0x7f, 0x7f],
  ],
  digit: [digits],
  graph: [[0x21, 0x7e]],
  lower: [lower],
  print: [[0x20, 0x7e]],
  punct: [
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ],
  space: [
    [9, 13],
    [32, 32],
  ],
  upper: [upper],
  word: [digits, upper, [0x5f, 0x5f], lower],
  xdigit: [digits, [0x41, 0x46], [0x61, 0x66]],
};
