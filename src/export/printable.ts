/** Kernel bytes as text for a terminal: nothing in it can move the cursor, change colours or reorder the line. */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => {
    const code = character.codePointAt(0)!;
    const short = shortEscapes[character];
    if (short !== undefined) return short;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** The same, in double quotes when the text is empty or has spaces or characters that had to be escaped. */
export function quoted(text: string): string {
  const safe = printable(text);
  return safe === text && text !== '' && !/\s/.test(text) ? text : `"${safe.replaceAll('"', '\\"')}"`;
}

/** Control, format (bidirectional overrides, zero width), unassigned and private characters; line separators. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
