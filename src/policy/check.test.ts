import { describe, expect, test } from 'vitest';
import { checkDuplicates, checkPolicies } from './check.ts';
import { check, policyHead } from './check-harness.ts';

const head = policyHead('example').join('\n');

test('checkPolicies gives the model of a policy with every compiled part', () => {
  const text = `
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: credentials.files
  labels: {team: security}
spec:
  options:
  - name: policy-mode
    value: monitor
  kprobes:
  - call: __x64_sys_openat
    return: true
    message: opened a secret
    tags: [files, secrets]
    args:
    - {index: 0, type: int, label: dirfd}
    - {index: 1, type: string}
    - {index: 2, type: size_t}
    returnArg: {index: 0, type: int}
    ignore: {callNotFound: true}
    selectors:
    - label: shadow
      matchArgs:
      - {index: 1, operator: Postfix, values: [/shadow]}
      - {args: [2], operator: GT, values: [0x10]}
      matchReturnArgs:
      - {index: 0, operator: LT, values: ["0"]}
      matchPIDs:
      - {operator: NotIn, values: [1, 2], isNamespacePID: true}
      matchBinaries:
      - {operator: NotPrefix, values: [/usr/sbin/]}
      matchNamespaces:
      - {namespace: PidForChildren, operator: NotIn, values: [host_ns, 4026531836]}
      matchCapabilities:
      - {type: Permitted, operator: In, values: [CAP_SYS_ADMIN, DAC_OVERRIDE], isNamespaceCapability: true}
      matchActions:
      - {action: Signal, argSig: 15}
      - {action: Override, argError: -13}
`;
  const [policy] = check(text, []);
  expect(policy).toEqual({
    file: 'policy.yaml',
    kind: 'TracingPolicy',
    annotations: { severity: undefined, mitreTechniques: [] },
    name: 'credentials.files',
    namespace: undefined,
    mode: 'monitor',
    position: { line: 2, column: 1 },
    hooks: [
      {
        kind: 'kprobe',
        target: 'sys_openat',
        syscall: true,
        message: 'opened a secret',
        tags: ['files', 'secrets'],
        ignoreCallNotFound: true,
        position: { line: 12, column: 5 },
        args: [
          { index: 0, type: 'sint32', spelledType: 'int', label: 'dirfd', position: { line: 17, column: 7 } },
          { index: 1, type: 'string', spelledType: 'string', label: '', position: { line: 18, column: 7 } },
          { index: 2, type: 'uint64', spelledType: 'size_t', label: '', position: { line: 19, column: 7 } },
        ],
        returnArg: { index: 0, type: 'sint32', spelledType: 'int', label: '', position: { line: 20, column: 16 } },
        selectors: [
          {
            label: 'shadow',
            position: { line: 23, column: 7 },
            matchArgs: [
              {
                argument: 1,
                operator: 'Postfix',
                values: [{ text: '/shadow', position: { line: 25, column: 48 } }],
                position: { line: 25, column: 9 },
              },
              {
                argument: 2,
                operator: 'GreaterThan',
                values: [{ text: '0x10', position: { line: 26, column: 44 } }],
                position: { line: 26, column: 9 },
              },
            ],
            matchReturnArgs: [
              {
                argument: -1,
                operator: 'LessThan',
                values: [{ text: '0', position: { line: 28, column: 43 } }],
                position: { line: 28, column: 9 },
              },
            ],
            matchPIDs: [{ negate: true, values: [1, 2], namespacePid: true, position: { line: 30, column: 9 } }],
            matchBinaries: [
              { match: 'prefix', negate: true, values: ['/usr/sbin/'], position: { line: 32, column: 9 } },
            ],
            matchNamespaces: [
              {
                namespace: 'pid_for_children',
                negate: true,
                values: ['host_ns', 4026531836],
                position: { line: 34, column: 9 },
              },
            ],
            matchCapabilities: [
              {
                set: 'permitted',
                negate: false,
                namespaceCapability: true,
                mask: (1n << 21n) | (1n << 1n),
                position: { line: 36, column: 9 },
              },
            ],
            actions: [
              { kind: 'Signal', signal: 15, position: { line: 38, column: 9 } },
              { kind: 'Override', error: -13, position: { line: 39, column: 9 } },
            ],
          },
        ],
      },
    ],
  });
});

test('checkPolicies keeps the hooks of all sections, in the order they are written', () => {
  const [policy] = check(
    `${head}
spec:
  tracepoints:
  - {subsystem: sched, event: sched_process_exec}
  - {subsystem: raw_syscalls, event: sys_enter, raw: true}
  lsmhooks:
  - hook: file_open
  fentries:
  - {call: tcp_connect, syscall: false}
  kprobes:
  - call: x64/sys_setuid
`,
    [],
  );
  expect(policy!.hooks.map((hook) => [hook.kind, hook.target, hook.syscall])).toEqual([
    ['tracepoint', 'sched/sched_process_exec', false],
    ['rawTracepoint', 'raw_syscalls/sys_enter', false],
    ['lsm', 'file_open', false],
    ['fentry', 'tcp_connect', false],
    ['kprobe', 'sys_setuid', true],
  ]);
});

test('a selector without matchActions posts', () => {
  const [policy] = check(`${head}\nspec:\n  lsmhooks:\n  - hook: file_open\n    selectors:\n    - {}\n`, []);
  expect(policy!.hooks[0]!.selectors[0]!.actions).toEqual([{ kind: 'Post', position: { line: 9, column: 7 } }]);
});

test('fields are found whatever their case', () => {
  const [policy] = check(`${head}\nspec:\n  LSMHooks:\n  - Hook: file_open\n    Tags: [ab]\n`, []);
  expect(policy!.hooks[0]).toMatchObject({ target: 'file_open', tags: ['ab'] });
});

test('anchors, aliases and merges give the same policy as writing it out', () => {
  const [policy] = check(
    `${head}
spec:
  kprobes:
  - &connect
    call: tcp_connect
    syscall: no
    args: &args [{index: 0, type: sock}]
  - <<: *connect
    call: tcp_close
  - {call: tcp_sendmsg, syscall: false, args: *args}
`,
    [],
  );
  expect(policy!.hooks.map((hook) => [hook.target, hook.syscall, hook.args[0]!.type])).toEqual([
    ['tcp_connect', false, 'sock'],
    ['tcp_close', false, 'sock'],
    ['tcp_sendmsg', false, 'sock'],
  ]);
});

test('a mistake that aliases repeat is reported once', () => {
  const args = 'args: &args [{index: 0, type: strng}]';
  check(`${head}\nspec:\n  kprobes:\n  - call: sys_chdir\n    ${args}\n  - {call: sys_chroot, args: *args}\n`, [
    '8:35 error unknown-value: Unknown type "strng"',
  ]);
});

test('ten mistakes give ten diagnostics', () => {
  check(
    `
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: Sensitive_Files
spec:
  kprobes:
  - call: security_file_permission
    args:
    - index: 0
      type: fil
    - index: 1
      type: int
    selectors:
    - matchArgs:
      - index: 0
        operator: Equals
        values: ["/etc/shadow"]
      - index: 1
        operator: Prefix
        values: ["4"]
      - index: 3
        operator: Equal
        values: ["4"]
      matchActions:
      - action: Override
        argError: 1
  - call: sys_openat
    mesage: opened
    args:
    - index: 2
      type: int
    selectors:
    - matchArgs:
      - index: 2
        operator: GT
        values: [4294967296]
  uprobes:
  - path: /bin/bash
    symbols: [readline]
`,
    [
      '5:9 error bad-name: The name "Sensitive_Files" is not a DNS subdomain',
      '8:11 error syscall-flag: "security_file_permission" does not look like a system call (sys_...), and "syscall" is true when it is left out',
      '11:13 error unknown-value: Unknown type "fil"',
      '17:19 error unknown-value: Unknown operator "Equals"',
      '20:19 error operator-type: The operator Prefix does not apply to an argument of type sint32',
      '22:16 error filter-argument: The hook does not list argument 3, which this filter compares',
      '27:19 error out-of-range: "argError" must be an error from -4095 to -1, not 1',
      '29:5 error unknown-field: Unknown field "mesage" in an item of "kprobes"',
      '37:18 error out-of-range: 4294967296 is out of range for sint32: from -2147483648 to 2147483647',
      '38:3 error not-compiled-yet: "uprobes" is not compiled yet',
    ],
  );
});

describe('the form of a document', () => {
  test('missing parts are named where they belong', () => {
    check('kind: TracingPolicy\nmetadata: {}\n', [
      '1:1 error missing-field: The policy lacks the field "apiVersion"',
      '1:1 error missing-field: The policy lacks the field "spec"',
      '2:11 error missing-field: "metadata" lacks the field "name"',
    ]);
  });

  test('a document of another kind gets one error', () => {
    check('apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: []}\n', [
      '2:7 error unknown-kind: A document of kind "Service" is not a policy',
    ]);
  });

  test('a mistyped kind does not hide other mistakes', () => {
    check(`${head.replace('TracingPolicy', 'TracingPolcy')}\nspec:\n  kprobs: []\n`, [
      '2:7 error unknown-value: Unknown kind "TracingPolcy"',
      '5:1 warning no-hooks: The policy has no hooks: it does nothing',
      '6:3 error unknown-field: Unknown field "kprobs" in "spec"',
    ]);
  });

  test('values of another type', () => {
    check(
      `${head}\nspec:\n  kprobes:\n    call: sys_read\n  lsmhooks:\n  - hook: [file_open]\n    tags: one\n  - file_open\n`,
      [
        '7:5 error wrong-type: "kprobes" must be a list, not a map',
        '9:11 error wrong-type: "hook" must be a string, not a list',
        '10:11 error wrong-type: "tags" must be a list, not the string "one"',
        '11:5 error wrong-type: An item of "lsmhooks" must be a map, not the string "file_open"',
      ],
    );
  });

  test('quoted numbers and booleans', () => {
    check(`${head}\nspec:\n  kprobes:\n  - call: sys_read\n    return: "no"\n    args: [{index: "0", type: int}]\n`, [
      '8:13 error wrong-type: "return" must be true or false, not the string "no"',
      '9:20 error wrong-type: "index" must be a whole number, not the string "0"',
    ]);
  });

  test('one field spelled in two cases', () => {
    check(`${head}\nspec:\n  lsmhooks:\n  - hook: file_open\n    HOOK: file_lock\n`, [
      '8:5 error duplicate-key: "HOOK" and "hook" on line 7 are the same field',
    ]);
  });

  test('empty fields are named, absent selectors are not', () => {
    check(`${head}\nspec:\n  podSelector: ~\n  hostSelector:\n  lsmhooks:\n  - hook: file_open\n    selectors:\n`, [
      '10:5 warning empty-field: "selectors" is empty: the policy reads as if it was not there',
    ]);
  });

  test('names of Object.prototype are ordinary unknown fields', () => {
    check(`${head}\nspec:\n  constructor: 1\n  __proto__: {a: 1}\n  lsmhooks: [{hook: file_open}]\n`, [
      '6:3 error unknown-field: Unknown field "constructor" in "spec"',
      '7:3 error unknown-field: Unknown field "__proto__" in "spec"',
    ]);
  });
});

describe('several documents', () => {
  const good = `${head}\nspec:\n  lsmhooks:\n  - hook: file_open\n`;
  const bad = good.replace('hook:', 'hok:');

  test('the good ones become policies', () => {
    const policies = check(`${good}---\n${bad}---\n# nothing\n---\n${good.replace('example', 'other')}`, [
      '15:5 error unknown-field: Unknown field "hok" in an item of "lsmhooks"',
    ]);
    expect(policies.map((policy) => [policy.name, policy.position.line])).toEqual([
      ['example', 1],
      ['other', 19],
    ]);
  });

  test('a syntax error in one leaves the others alone', () => {
    const policies = check(`${good}---\nspec: [\n---\n${good.replace('example', 'other')}`, [
      '10:1 error yaml-syntax: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ]);
    expect(policies.map((policy) => policy.name)).toEqual(['example', 'other']);
  });

  test('checkDuplicates names the later one of two policies with one name', () => {
    const one = checkPolicies(`${good}---\n${good.replace('example', 'other')}`, 'one.yaml').policies;
    const two = checkPolicies(good, 'two.yaml').policies;
    expect(checkDuplicates([...one, ...two])).toEqual([
      {
        file: 'two.yaml',
        line: 1,
        column: 1,
        severity: 'error',
        code: 'duplicate-policy',
        message: 'The policy "example" is defined already in one.yaml:1',
        hint: 'Give one of the two another name.',
      },
    ]);
  });
});
