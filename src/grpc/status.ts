/** Codes of gRPC (`doc/statuscodes.md` of the gRPC project) that are used here. */
export const statusCodes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

export type StatusName = keyof typeof statusCodes;

/** Why a call failed, as the other side is told. */
export class StatusError extends Error {
  readonly status: StatusName;

  constructor(status: StatusName, message: string) {
    super(message);
    this.name = 'StatusError';
    this.status = status;
  }
}

/** The name of a code that came over the wire; codes that are not used here read as UNKNOWN. */
export function statusName(code: number): StatusName {
  const found = Object.entries(statusCodes).find(([, value]) => value === code);
  return found === undefined ? 'UNKNOWN' : (found[0] as StatusName);
}

/**
 * `grpc-message` header: printable ASCII as it is, other bytes of the UTF-8 text as %XX. What takes more than `maxBytes`
 * is cut off behind a character, and ends in three dots.
 */
export function encodeStatusMessage(message: string, maxBytes = Number.POSITIVE_INFINITY): string {
  let header = '';
  for (const character of message) {
    const encoded = encodeCharacter(character);
    if (header.length + encoded.length > maxBytes - cutOff.length) return header + cutOff;
    header += encoded;
  }
  return header;
}

const cutOff = '...';

function encodeCharacter(character: string): string {
  if (/^[ -~]$/.test(character) && character !== '%') return character;
  const bytes = [...Buffer.from(character, 'utf8')];
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

/** Undoes `encodeStatusMessage`; what is no escape stays as it is. */
export function decodeStatusMessage(header: string): string {
  const bytes: number[] = [];
  for (let index = 0; index < header.length; index++) {
    const escaped = /^%([0-9A-Fa-f]{2})/.exec(header.slice(index, index + 3));
    if (escaped === null) bytes.push(header.charCodeAt(index) & 0xff);
    else {
      bytes.push(Number.parseInt(escaped[1]!, 16));
      index += 2;
    }
  }
  return Buffer.from(bytes).toString('utf8');
}
