/** Decimal, 0x, 0o or leading-0 octal, 0b, each with a sign; as Go reads numbers with base 0. */
const integerPattern = /^[+-]?(?:0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)$/;

/** Digits a 64-bit number needs in its longest notation (binary), with room for leading zeros. */
const maxIntegerLength = 100;

/** The value of an integer as policies write it, or undefined when `text` is not one. */
export function parseInteger(text: string): bigint | undefined {
  if (text.length > maxIntegerLength || !integerPattern.test(text)) return undefined;
  const negative = text.startsWith('-');
  const digits = text.replace(/^[+-]/, '');
  const magnitude = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return negative ? -magnitude : magnitude;
}
