import { expect, test } from 'vitest';
import { typeFact } from '../../test/filter/example-facts.ts';
import { contradicts, inferType } from './argument-inference.ts';

test('inferType: structures by their name, numbers by size and sign', () => {
  expect(inferType(typeFact('struct file *'))).toBe('file');
  expect(inferType(typeFact('struct linux_binprm *'))).toBe('linux_binprm');
  expect(inferType(typeFact('struct sockaddr_unsized *'))).toBe('sockaddr');
  expect(inferType(typeFact('char *'))).toBe('string');
  expect(inferType(typeFact('int', 4, true))).toBe('sint32');
  expect(inferType(typeFact('umode_t', 2))).toBe('uint16');
  expect(inferType(typeFact('s8', 1, true))).toBe('sint8');
  expect(inferType(typeFact('bool', 1))).toBe('uint8');
  expect(inferType(typeFact('ssize_t', 8, true))).toBe('sint64');
  expect(inferType(typeFact('struct task_struct *'))).toBe('uint64');
});

test('contradicts: another structure, or a structure where there is a number', () => {
  expect(contradicts('file', typeFact('struct path *'))).toBe(true);
  expect(contradicts('file', typeFact('int', 4, true))).toBe(true);
  expect(contradicts('file', typeFact('struct file *'))).toBe(false);
});

test('contradicts: what may well be', () => {
  expect(contradicts('file', typeFact('void *'))).toBe(false);
  expect(contradicts('sock', typeFact('unsigned long'))).toBe(false);
  expect(contradicts('uint64', typeFact('struct file *'))).toBe(false);
  expect(contradicts('sint32', typeFact('unsigned int', 4))).toBe(false);
  expect(contradicts('string', typeFact('unsigned long'))).toBe(false);
});
