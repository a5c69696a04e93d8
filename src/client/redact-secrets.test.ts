import { expect, test } from 'vitest';
import { redactSecrets } from './redact-secrets.ts';

test.each([
  ['otlp-token: abcdef', 'otlp-token: *****'],
  ['--kafka-password=hunter2 x', '--kafka-password=*****'],
  ['{"apiKey": "abc", "port": 1}', '{"apiKey": *****, "port": 1}'],
  ['url: https://user:pass@example.org/x', 'url: https://*****@example.org/x'],
  ['header: Authorization: Bearer abc.def.ghi', 'header: Authorization: *****'],
  ['x Bearer abcdefgh12345', 'x Bearer *****'],
  ['-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\nrest', '*****\nrest'],
  ['-----BEGIN PRIVATE KEY-----\ncut', '*****'],
  ['server-tls-key-file: /etc/jatai/key.pem', 'server-tls-key-file: /etc/jatai/key.pem'],
  ['log-level: info', 'log-level: info'],
])('%j', (text, expected) => {
  expect(redactSecrets(text)).toBe(expected);
});
