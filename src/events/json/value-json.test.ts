import { describe, expect, test } from 'vitest';
import type { EventArgument } from '../event-plan.ts';
import { cat, exec, type Json, opened, startPipeline } from '../test-pipeline.ts';
import { hookOf, planOf, selectorOf } from '../test-plan.ts';
import { fileBytes, numberBytes, sockaddrBytes, sockBytes } from '../test-record.ts';
import { valueStatus } from '../wire.ts';

describe('argument values', () => {
  const cases: readonly (readonly [
    name: string,
    type: EventArgument['type'],
    value: { bytes: Uint8Array; status?: number },
    expected: Json,
  ])[] = [
    ['sint8', 'sint8', { bytes: numberBytes(0xff) }, { int_arg: -1 }],
    ['sint16', 'sint16', { bytes: numberBytes(0x8000) }, { int_arg: -32768 }],
    ['sint32 in 4 bytes', 'sint32', { bytes: numberBytes(-2).subarray(0, 4) }, { int_arg: -2 }],
    ['uint8', 'uint8', { bytes: numberBytes(0x1ff) }, { uint_arg: 255 }],
    ['uint16', 'uint16', { bytes: numberBytes(0x1ffff) }, { uint_arg: 65535 }],
    ['uint32', 'uint32', { bytes: numberBytes(-1) }, { uint_arg: 4294967295 }],
    ['sint64', 'sint64', { bytes: numberBytes(-(2n ** 63n)) }, { long_arg: '-9223372036854775808' }],
    ['uint64', 'uint64', { bytes: numberBytes(2n ** 64n - 1n) }, { size_arg: '18446744073709551615' }],
    ['zero', 'sint32', { bytes: numberBytes(0) }, { int_arg: 0 }],
    ['empty string', 'string', { bytes: Buffer.alloc(0) }, { string_arg: '' }],
    ['string with a NUL', 'string', { bytes: Buffer.from('/a\0') }, { string_arg: '/a' }],
    ['invalid UTF-8', 'filename', { bytes: Buffer.of(0x61, 0xff) }, { string_arg: 'a\ufffd' }],
    [
      'unreadable',
      'string',
      { bytes: Buffer.alloc(0), status: valueStatus.UNREADABLE },
      { error_arg: { Message: 'Bad address for basic type' } },
    ],
    [
      'fd with an unresolved path',
      'fd',
      { bytes: fileBytes('/a', 0o104755), status: valueStatus.UNRESOLVED },
      { file_arg: { path: '/a', flags: 'unresolvedPathComponents', permission: '-rwsr-xr-x' } },
    ],
    ['dentry', 'dentry', { bytes: fileBytes('/a', 0o41777) }, { path_arg: { path: '/a', permission: 'drwxrwxrwt' } }],
    [
      'a file value that is too short',
      'file',
      { bytes: Buffer.alloc(4) },
      { error_arg: { Message: 'Value is missing from the record' } },
    ],
    ['syscall', 'syscall64', { bytes: numberBytes(59) }, { syscall_id: { id: 59, abi: 'x64' } }],
    ['compat syscall', 'syscall64', { bytes: numberBytes(0x8000_0000) }, { syscall_id: { abi: 'i386' } }],
    [
      'IPv6 sock',
      'sock',
      {
        bytes: sockBytes({
          family: 10,
          type: 2,
          protocol: 17,
          state: 7,
          mark: 3,
          saddr: Buffer.from('20010db8000000000001000000000001', 'hex'),
          daddr: Buffer.from('00000000000000000000ffff7f000001', 'hex'),
          dport: 53,
        }),
      },
      {
        sock_arg: {
          family: 'AF_INET6',
          type: 'SOCK_DGRAM',
          protocol: 'IPPROTO_UDP',
          mark: 3,
          saddr: '2001:db8::1:0:0:1',
          daddr: '127.0.0.1',
          dport: 53,
          state: 'TCP_CLOSE',
        },
      },
    ],
    [
      'numbers without a name',
      'sock',
      { bytes: sockBytes({ family: 99, type: 77, protocol: 251 }) },
      { sock_arg: { family: '99', type: '77', protocol: '251', state: '0' } },
    ],
    ['unix sockaddr', 'sockaddr', { bytes: sockaddrBytes({ family: 1 }) }, { sockaddr_arg: { family: 'AF_UNIX' } }],
    [
      'IPv6 sockaddr',
      'sockaddr',
      { bytes: sockaddrBytes({ family: 10, sport: 443 }) },
      { sockaddr_arg: { family: 'AF_INET6', addr: '::', port: 443 } },
    ],
  ];
  for (const [name, type, value, expected] of cases) {
    test(name, () => {
      const { events, send, pipeline } = startPipeline();
      const argument: EventArgument = { value: 0, type, spelledType: type, label: '' };
      pipeline.addPlan(planOf(selectorOf(hookOf({ args: [argument] }))));
      send(exec(cat), opened({ values: [value] }));
      expect(events[1].process_kprobe.args).toEqual([expected]);
    });
  }
});
