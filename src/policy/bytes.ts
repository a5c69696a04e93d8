/** Byte order, shorter first among equals: negative, zero or positive. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const common = Math.min(left.length, right.length);
  for (let index = 0; index < common; index++) {
    const difference = left[index]! - right[index]!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

export function isSameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && compareBytes(left, right) === 0;
}

export function startsWithBytes(value: Uint8Array, start: Uint8Array): boolean {
  return value.length >= start.length && compareBytes(value.subarray(0, start.length), start) === 0;
}

export function endsWithBytes(value: Uint8Array, end: Uint8Array): boolean {
  return value.length >= end.length && compareBytes(value.subarray(value.length - end.length), end) === 0;
}
