/** Values of one list that are shown before the rest is counted. */
const maxListed = 8;

/** `a`, `a or b`, `a, b or c`; a long list ends with how many are left out. */
export function joinWords(words: readonly string[], conjunction: 'and' | 'or'): string {
  const listed = words.length > maxListed + 1 ? words.slice(0, maxListed) : words;
  const last = listed.length < words.length ? `${words.length - listed.length} more` : listed.at(-1);
  const head = listed.length < words.length ? listed : listed.slice(0, -1);
  return head.length === 0 ? (last ?? '') : `${head.join(', ')} ${conjunction} ${last}`;
}

export function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? '' : 's'}`;
}

/** Rows as aligned columns, two spaces apart; nothing after the last column of a row. */
export function alignColumns(
  rows: readonly (readonly string[])[],
  rightAligned: ReadonlySet<number> = new Set(),
): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, column) => (rightAligned.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}

export function indent(lines: readonly string[], columns: number): string[] {
  const margin = ' '.repeat(columns);
  return lines.map((line) => (line === '' ? '' : margin + line));
}

/** The text in quotes, with what could confuse a terminal escaped. */
export function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return `"${text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '\uFFFD')}"`;
}
