/**
 * Hides what configuration files and command lines must not tell others: values of settings whose name speaks of a
 * secret, credentials in addresses, private keys. Better too much than too little.
 */
export function redactSecrets(text: string): string {
  const plain = redactHeaders(text)
    .replaceAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, hidden)
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/\s"']+@/gi, `$1${hidden}@`)
    .replaceAll(/https?:\/\/[^\s"']+/gi, redactPath)
    .replaceAll(blockSecret, `$1${hidden}`)
    .replaceAll(/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${hidden}`);
  return redactNamed(plain, false);
}

/** Paths of webhooks hold secrets: long parts with digits and letters. So may anything behind a question mark. */
function redactPath(url: string): string {
  return url
    .replaceAll(/(?<=[^/:]\/)(?=[^/?#]*\d)(?=[^/?#]*[A-Za-z])[^/?#]{12,}/g, hidden)
    .replaceAll(/(?<=[?&][\w.-]+=)[^&#]+/g, hidden);
}

/** Values of headers in YAML, whatever they are called: `headers: {X-Key: x}`, or on deeper lines behind it. */
function redactHeaders(text: string): string {
  let depth: number | undefined;
  const lines = text.split('\n').map((line) => {
    const indent = line.search(/\S|$/);
    if (depth !== undefined && (line.trim() === '' || indent > depth)) return redactLine(line);
    const [, before, value = ''] = /^(.*\bheaders["']?:\s*\{?)(.*)$/.exec(line) ?? [];
    depth = before === undefined ? undefined : line.search(/[^\s-]/);
    return before === undefined || value.trim() === '' ? line : before + hidden;
  });
  return lines.join('\n');
}

/** All but the name of a key. */
function redactLine(line: string): string {
  const [start] = /^\s*(?:["']?[\w-]+["']?:(?:\s+|$))?/.exec(line)!;
  return line === start ? line : start + hidden;
}

const secretName =
  /[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|credential|api[_-]?key|private[_-]?key|authorization)[\w.-]*["']?/;
/** `api_key: x`, `--token=x`, `"password": "x"`; a value ends with its quote or line. */
const namedSecret = new RegExp(
  String.raw`(${secretName.source})(\s*[:=]\s*|\s+)(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\n]|'')*'|([^\n]+))`,
  'gi',
);
/** Inside of braces a value ends with a comma too. */
const endInBraces = /[,}\]]/;
/** `password: |` and the deeper lines behind it. */
const blockSecret = new RegExp(
  String.raw`^([ \t-]*${secretName.source}:[ \t]*)[|>][-+\d]*[ \t]*(?:#[^\n]*)?\n(?:[ \t]*\n)*([ \t]+)[^\n]*(?:\n(?:\2[^\n]*|[ \t]*(?=\n)))*`,
  'gim',
);
const hidden = '*****';

/** `inBraces`: the text begins inside of them. */
function redactNamed(text: string, inBraces: boolean): string {
  return text.replaceAll(
    namedSecret,
    (all, name: string, separator: string, value: string | undefined, offset: number) => {
      const lineStart = text.lastIndexOf('\n', offset + all.length - 1) + 1;
      const isEnclosed = lineStart <= offset && depthOf(text.slice(lineStart, offset)) + (inBraces ? 1 : 0) > 0;
      const end = value === undefined || !isEnclosed ? -1 : value.search(endInBraces);
      const rest = end === -1 ? '' : value!.slice(end);
      return `${name}${separator}${hidden}${redactNamed(rest, true)}`;
    },
  );
}

/** How many more braces and brackets a text opens than it closes. */
function depthOf(text: string): number {
  return (text.match(/[{[]/g)?.length ?? 0) - (text.match(/[}\]]/g)?.length ?? 0);
}
