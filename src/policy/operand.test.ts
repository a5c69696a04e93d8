import { expect, test } from 'vitest';
import type { ConcreteType } from './argument-types.ts';
import type { Operator } from './model.ts';
import { type OperandResult, operandOf } from './operand.ts';
import { parseNetwork } from './operand-networks.ts';

function operand(type: ConcreteType, operator: Operator, values: readonly string[]): OperandResult {
  const position = { line: 1, column: 1 };
  const texts = values.map((text, index) => ({ text, position: { line: index + 2, column: 5 } }));
  return operandOf(type, { argument: 0, operator, values: texts, position });
}

/** Ranges as `[!]min..max`, other operands as `[!]kind value`, then the findings as `line severity code`. */
function check(type: ConcreteType, operator: Operator, values: readonly string[], expected: readonly string[]): void {
  const { operand: found, diagnostics } = operand(type, operator, values);
  const findings = diagnostics.map(({ position, severity, code }) => `${position.line} ${severity} ${code}`);
  expect([...describe(found), ...findings]).toEqual(expected);
}

function describe(found: OperandResult['operand']): string[] {
  if (found.kind === 'mask') return [`mask 0x${found.mask.toString(16)}`];
  const not = found.negate ? '!' : '';
  if (found.kind === 'ranges') return found.ranges.map(({ min, max }) => `${not}${min}..${max}`);
  if (found.kind === 'strings')
    return found.values.map((value) => `${not}${found.match} ${new TextDecoder().decode(value)}`);
  return found.networks.map(({ family, address, prefixLength }) => `${not}v${family} ${[...address]}/${prefixLength}`);
}

test('numbers in every notation', () => {
  check(
    'sint64',
    'Equal',
    ['12', '0x1F', '0755', '0o17', '0b101', '-7', '+3', '-0x10', '0'],
    ['-16..-16', '-7..-7', '0..0', '3..3', '5..5', '12..12', '15..15', '31..31', '493..493'],
  );
  for (const text of ['', ' 1', '1.5', '08', '0x', '1e3', 'ten', '--1', '1_000', '0b2', '9'.repeat(200)]) {
    check('sint64', 'Equal', [text], ['2 error bad-number']);
  }
});

test('numbers must be in the domain of the type', () => {
  check('uint8', 'Equal', ['255'], ['255..255']);
  check('uint8', 'Equal', ['256'], ['2 error out-of-range']);
  check('uint8', 'NotEqual', ['-1'], ['2 error out-of-range']);
  check('sint8', 'Equal', ['-128', '127'], ['-128..-128', '127..127']);
  check('sint8', 'Equal', ['128'], ['2 error out-of-range']);
  check('uint64', 'Equal', ['18446744073709551615'], ['18446744073709551615..18446744073709551615']);
  check('uint64', 'Equal', ['18446744073709551616'], ['2 error out-of-range']);
  check('sint64', 'Equal', ['-9223372036854775808'], ['-9223372036854775808..-9223372036854775808']);
});

test('an unsigned spelling of a negative number is explained', () => {
  expect(operand('sint32', 'Equal', ['0xffffffff']).diagnostics[0]!.hint).toBe('As sint32 these bits are -1.');
});

test('values are sorted and merged', () => {
  check('sint32', 'NotInMap', ['9', '1:3', '2', '4', '-5:0', '9'], ['!-5..4', '!9..9']);
  check('sint32', 'InRange', ['5:5', '1:3', '2:4'], ['1..5']);
  check('uint64', 'InRange', ['0:0xffffffffffffffff', '7:8'], ['0..18446744073709551615']);
});

test('ranges need two ends in order', () => {
  check('sint32', 'InRange', ['5'], ['2 error bad-range']);
  check(
    'sint32',
    'InRange',
    ['1:2:3', '1:', ':'],
    ['2 error bad-range', '3 error bad-number', '4 error bad-number', '4 error bad-number'],
  );
  check('sint32', 'NotInRange', ['5:-5'], ['!-5..5', '2 warning swapped-range']);
  check('sint32', 'InMap', ['list:files'], ['2 error not-compiled-yet']);
});

test('comparisons hold when any value holds', () => {
  check('sint32', 'GreaterThan', ['10', '5'], ['6..2147483647']);
  check('sint32', 'LessThan', ['-10', '5'], ['-2147483648..4']);
  check('uint32', 'GreaterThan', ['0'], ['1..4294967295']);
  check('uint32', 'LessThan', ['0'], ['2 warning never-matches']);
  check('uint8', 'GreaterThan', ['255', '3'], ['4..255', '2 warning never-matches']);
});

test('masks are as wide as the type', () => {
  check('sint32', 'Mask', ['1', '0x80000000', '04'], ['mask 0x80000005']);
  check('sint32', 'Mask', ['-1'], ['mask 0xffffffff']);
  check('sint8', 'Mask', ['0x100'], ['mask 0x0', '2 error out-of-range']);
  check('uint64', 'Mask', ['0xffffffffffffffff'], ['mask 0xffffffffffffffff']);
  check('uint64', 'Mask', ['0', '0x0'], ['mask 0x0', '2 warning never-matches']);
});

test('strings are unique UTF-8 bytes in order', () => {
  check('string', 'Equal', ['b', 'a', 'ab', 'b', 'é'], ['equal a', 'equal ab', 'equal b', 'equal é']);
  check('string', 'NotPrefix', ['/x'], ['!prefix /x']);
  check('file', 'Postfix', ['/shadow', '.so'], ['postfix .so', 'postfix /shadow']);
  check('string', 'Equal', ['', 'text\0', 'a\0b'], ['equal ', 'equal text', '4 error bad-string']);
  check('string', 'Equal', ['x'.repeat(4096)], [`equal ${'x'.repeat(4096)}`]);
  check('string', 'Equal', ['x'.repeat(4097)], ['2 error string-too-long']);
  check('string', 'Prefix', ['é'.repeat(2049)], ['2 error string-too-long']);
});

test('values that match nothing or everything', () => {
  check(
    'file',
    'Equal',
    ['etc/passwd', '/etc/', '/'],
    ['equal /', 'equal /etc/', 'equal etc/passwd', '2 warning relative-path', '3 warning trailing-slash'],
  );
  check('path', 'Prefix', ['/etc/', 'etc'], ['prefix /etc/', 'prefix etc', '3 warning relative-path']);
  check('dentry', 'Postfix', ['/etc/', 'passwd'], ['postfix /etc/', 'postfix passwd', '2 warning trailing-slash']);
  check('string', 'Prefix', ['etc', ''], ['prefix ', 'prefix etc', '3 warning always-matches']);
  check('filename', 'Equal', ['etc/passwd'], ['equal etc/passwd']);
});

test('addresses and networks', () => {
  check(
    'sock',
    'DAddr',
    ['10.0.0.0/8', '127.0.0.1', '::1', 'fd00::/8', '10.0.0.0/8'],
    [
      'v4 10,0,0,0/8',
      'v4 127,0,0,1/32',
      'v6 0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1/128',
      'v6 253,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0/8',
    ],
  );
  check('sockaddr', 'NotSAddr', ['192.168.1.7/20'], ['!v4 192,168,0,0/20', '2 warning host-bits']);
  check('sock', 'SAddr', ['0.0.0.0/0'], ['v4 0,0,0,0/0']);
  for (const text of [
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '10.0.0.1/33',
    '10.0.0.1/',
    '10.0.0.1/08',
    'localhost',
    '',
  ]) {
    check('sock', 'SAddr', [text], ['2 error bad-address']);
  }
});

test('IPv6 in every form', () => {
  const groups = (text: string) => {
    const { address } = parseNetwork(text)!;
    return Array.from({ length: 8 }, (_, group) =>
      ((address[group * 2]! << 8) | address[group * 2 + 1]!).toString(16),
    ).join(':');
  };
  expect(groups('::')).toBe('0:0:0:0:0:0:0:0');
  expect(groups('1::')).toBe('1:0:0:0:0:0:0:0');
  expect(groups('::ffff:192.0.2.1')).toBe('0:0:0:0:0:ffff:c000:201');
  expect(groups('2001:DB8::8:800:200c:417a')).toBe('2001:db8:0:0:8:800:200c:417a');
  expect(groups('1:2:3:4:5:6:7:8')).toBe('1:2:3:4:5:6:7:8');
  expect(groups('1:2:3:4:5:6:1.2.3.4')).toBe('1:2:3:4:5:6:102:304');
  const wrong = [
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    '12345::',
    '::g',
    'fe80::1%eth0',
    '1.2.3.4::',
    '1:2:3:4::5:6:7:8',
    ':::',
    ':',
  ];
  for (const text of wrong) expect(parseNetwork(text), text).toBeUndefined();
});

test('ports', () => {
  check('sock', 'DPort', ['443', '80', '8000:8080'], ['80..80', '443..443', '8000..8080']);
  check('sock', 'NotSPort', ['65536'], ['2 error out-of-range']);
  check('sock', 'DPort', ['https'], ['2 error bad-number']);
  check('sock', 'DPortPriv', [], ['0..1023']);
  check('sockaddr', 'NotSPortPriv', ['1'], ['!0..1023', '2 error unexpected-values']);
});

test('names of protocols, families, states and file types', () => {
  check('sock', 'Protocol', ['IPPROTO_TCP', '17', '131:133'], ['6..6', '17..17', '131..133']);
  check('sock', 'Protocol', ['tcp'], ['2 error unknown-value']);
  expect(operand('sock', 'Protocol', ['tcp']).diagnostics[0]!.hint).toBe('Did you mean "IPPROTO_TCP"?');
  check('sockaddr', 'Family', ['AF_INET', 'AF_INET6', 'AF_MCTP'], ['2..2', '10..10', '45..45']);
  check('socket', 'State', ['TCP_ESTABLISHED', 'TCP_NEW_SYN_RECV'], ['1..1', '12..12']);
  check('file', 'FileType', ['reg', 'pipe', 'socket'], ['4096..4096', '32768..32768', '49152..49152']);
  check('path', 'NotFileType', ['regulr'], ['2 error unknown-value']);
});

test('the component that is compared', () => {
  const component = (type: ConcreteType, operator: Operator) => operand(type, operator, ['1']).component;
  expect(component('sint32', 'Equal')).toBe('self');
  expect(component('file', 'FileType')).toBe('fileType');
  expect(component('sock', 'NotDAddr')).toBe('daddr');
  expect(component('sock', 'NotSPortPriv')).toBe('sport');
  expect(component('sock', 'State')).toBe('state');
});

test('operators that do not apply', () => {
  const none: [ConcreteType, Operator][] = [
    ['sint32', 'Prefix'],
    ['string', 'GreaterThan'],
    ['sock', 'Equal'],
    ['sockaddr', 'DAddr'],
    ['sockaddr', 'State'],
    ['fd', 'FileType'],
    ['dentry', 'FileType'],
    ['cred', 'Equal'],
    ['nop', 'Equal'],
    ['string', 'Mask'],
  ];
  for (const [type, operator] of none) check(type, operator, ['1'], ['1 error operator-type']);
  expect(operand('cred', 'Equal', []).diagnostics[0]!.hint).toBe('An argument of type cred cannot be filtered.');
});

test('operators without values', () => {
  check('sint32', 'Equal', [], ['1 error missing-values']);
  check('string', 'NotPrefix', [], ['1 error missing-values']);
});
