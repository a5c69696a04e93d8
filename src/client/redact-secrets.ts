/**
 * Hides what configuration files and command lines must not tell others: values of settings whose name speaks of a
 * secret, credentials in addresses, private keys. Better too much than too little.
 */
export function redactSecrets(text: string): string {
  return text
    .replaceAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, hidden)
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/\s@]+@/gi, `$1${hidden}@`)
    .replaceAll(namedSecret, (_all, name: string, separator: string) => `${name}${separator}${hidden}`)
    .replaceAll(/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${hidden}`);
}

/** `api_key: x`, `--token=x`, `"password": "x"`; a value ends with its quote or line. */
const namedSecret =
  /([\w.-]*(?:passw(?:or)?d|passphrase|secret|token|credential|api[_-]?key|private[_-]?key|authorization)[\w.-]*["']?)(\s*[:=]\s*|\s+)(?:"[^"\n]*"|'[^'\n]*'|[^\n,}]+)/gi;
const hidden = '*****';
