/**
 * Whether a group that catches text may be passed more than once in a match: `(a)+`, `(?:(a)|b)*`. Such a group keeps
 * what it caught last, in V8 not even that when another alternative came after it. `source` is that of a RegExp.
 */
export function hasRepeatedGroup(source: string): boolean {
  const open: Group[] = [];
  for (const [token] of source.matchAll(tokens)) {
    if (token.startsWith('(')) open.push({ catches: token === '(' });
    else if (token.startsWith(')')) {
      const group = open.pop()!;
      if (group.catches && isRepetition(token.slice(1))) return true;
      const outer = open.at(-1);
      if (outer !== undefined && group.catches) outer.catches = true;
    }
  }
  return false;
}

interface Group {
  /** The group, or one inside it. */
  catches: boolean;
}

/** A quantifier with which something can occur more than once. */
function isRepetition(quantifier: string): boolean {
  const counts = /^\{(\d+)(,?)(\d*)\}/.exec(quantifier);
  if (counts === null) return /^[*+]/.test(quantifier);
  const [, least, comma, most] = counts;
  return Number(comma === '' ? least : most || Number.POSITIVE_INFINITY) > 1;
}

/** Escapes and classes, whose parentheses mean nothing; the opening of a group; its end with the quantifier. */
const tokens = /\\.|\[(?:[^\]\\]|\\.)*\]|\((?:\?:)?|\)(?:[*+]|\{\d+,?\d*\})?/gs;
