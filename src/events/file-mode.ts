/** File type and permissions as `ls -l` writes them: `-rw-r--r--`. Without a known type only the nine letters. */
export function permissionText(mode: number): string {
  const type = typeLetters.get(mode & 0o170000) ?? '';
  return (
    type +
    triple(mode >>> 6, (mode & 0o4000) !== 0 ? 's' : '') +
    triple(mode >>> 3, (mode & 0o2000) !== 0 ? 's' : '') +
    triple(mode, (mode & 0o1000) !== 0 ? 't' : '')
  );
}

function triple(bits: number, special: string): string {
  const executable = (bits & 1) !== 0;
  const last = special === '' ? (executable ? 'x' : '-') : executable ? special : special.toUpperCase();
  return ((bits & 4) !== 0 ? 'r' : '-') + ((bits & 2) !== 0 ? 'w' : '-') + last;
}

const typeLetters: ReadonlyMap<number, string> = new Map([
  [0o140000, 's'],
  [0o120000, 'l'],
  [0o100000, '-'],
  [0o060000, 'b'],
  [0o040000, 'd'],
  [0o020000, 'c'],
  [0o010000, 'p'],
]);
