/**
 * Hides what configuration files and command lines must not tell others: values of settings whose name speaks of a
 * secret, credentials in addresses, private keys. Better too much than too little.
 */
export function redactSecrets(text: string): string {
  return redactHeaders(text)
    .replaceAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, hidden)
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/\s@]+@/gi, `$1${hidden}@`)
    .replaceAll(/https?:\/\/[^\s"']+/gi, redactPath)
    .replaceAll(namedSecret, (_all, name: string, separator: string) => `${name}${separator}${hidden}`)
    .replaceAll(/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${hidden}`);
}

/** Paths of webhooks hold secrets: long parts with digits and letters. So may anything behind a question mark. */
function redactPath(url: string): string {
  return url
    .replaceAll(/(?<=[^/:]\/)(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{12,}(?=$|[/?#])/g, hidden)
    .replaceAll(/(?<=[?&][\w.-]+=)[^&#]+/g, hidden);
}

/** Values of headers in YAML, whatever they are called: `headers: {X-Key: x}`, or on lines of their own. */
function redactHeaders(text: string): string {
  let depth: number | undefined;
  const lines = text.split('\n').map((line) => {
    const indent = line.search(/\S|$/);
    if (depth !== undefined && (line.trim() === '' || indent > depth))
      return line.replace(/(?<=[\w-]["']?:\s+)\S.*$/, hidden);
    const [, key, value] = /^([\s-]*)headers:\s*(.*)$/.exec(line) ?? [];
    depth = key === undefined || value !== '' ? undefined : key.length;
    return line.replace(/(?<=\bheaders:\s*\{).*$/, hidden);
  });
  return lines.join('\n');
}

/** `api_key: x`, `--token=x`, `"password": "x"`; a value ends with its quote or line. */
const namedSecret =
  /([\w.-]*(?:passw(?:or)?d|passphrase|secret|token|credential|api[_-]?key|private[_-]?key|authorization)[\w.-]*["']?)(\s*[:=]\s*|\s+)(?:"[^"\n]*"|'[^'\n]*'|[^\n,}]+)/gi;
const hidden = '*****';
