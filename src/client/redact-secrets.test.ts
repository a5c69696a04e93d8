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
  ['https://hooks.example.com/services/T01234567890A/b0/abc', 'https://hooks.example.com/services/*****/b0/abc'],
  ['address: https://x.org/in/4f3c2b1a9d8e7f6a?sig=abc&v=1', 'address: https://x.org/in/*****?sig=*****&v=*****'],
  ['a: https://example.com/api/events-and-more/v2', 'a: https://example.com/api/events-and-more/v2'],
  ['headers: {X-Key: abc, Y: "d"}', 'headers: {*****'],
  [
    '  headers:\n    X-Key: abc\n    "Y-Key": d e\n  format: array',
    '  headers:\n    X-Key: *****\n    "Y-Key": *****\n  format: array',
  ],
  ['password: a,b}c', 'password: *****'],
  ['password: "a\\"b" # why', 'password: ***** # why'],
  ["password: 'it''s'", 'password: *****'],
  ['sasl: {password: a, username: b}', 'sasl: {password: *****, username: b}'],
  ['{token: x, password: y, topic: z}', '{token: *****, password: *****, topic: z}'],
  ['jatai[7]: password=a,b', 'jatai[7]: password=*****'],
  ['a: [{token: x}, {b: 1}]', 'a: [{token: *****}, {b: 1}]'],
  ['token:\n  abc', 'token:\n  *****'],
  ['  password: |-\n    one\n\n    two\n  user: x', '  password: *****\n  user: x'],
  ['- token: >\n    one\n      two\n  user: x', '- token: *****\n  user: x'],
  ['https://user:p@ss@example.org/x', 'https://*****@example.org/x'],
  ['https://api.telegram.org/bot110201543:AAHdqTcvCH1vGWJ/sendMessage', 'https://api.telegram.org/*****/sendMessage'],
  ['headers: {a: x,\n  b: y,\n  c: z}\nd: 1', 'headers: {*****\n  b: *****\n  c: *****\nd: 1'],
  ['headers: # why\n  x: a\n  y: |\n    b c\nd: 1', 'headers: *****\n  x: *****\n  y: *****\n    *****\nd: 1'],
  ['{a: 1, headers: {x: b}}', '{a: 1, headers: {*****'],
  ['{\n  "headers": {\n    "x": "a"\n  }\n}', '{\n  "headers": {\n    "x": *****\n  }\n}'],
  ['- headers:\n    X: {file: /x}\n- name: b', '- headers:\n    X: *****\n- name: b'],
])('%j', (text, expected) => {
  expect(redactSecrets(text)).toBe(expected);
});
