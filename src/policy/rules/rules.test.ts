import { describe, expect, test } from 'vitest';
import { check, checkHook, checkSelector, policyHead } from '../check-harness.ts';

const hooks = 'lsmhooks: [{hook: file_open}]';

function checkSpec(spec: string, expected: readonly string[]) {
  return check(`${policyHead('example').join('\n')}\nspec:\n  ${hooks}\n${spec}`, expected)[0];
}

test('metadataName wants a DNS subdomain', () => {
  const named = (name: string, expected: readonly string[]) =>
    check(`${policyHead(name).join('\n')}\nspec: {${hooks}}\n`, expected);
  named('a', []);
  named('a-1.b', []);
  named('123', []);
  named('-a', ['4:9 error bad-name: The name "-a" is not a DNS subdomain']);
  named('a..b', ['4:9 error bad-name: The name "a..b" is not a DNS subdomain']);
  named('a'.repeat(254), ['4:9 error bad-name: The name is longer than 253 characters']);
  named('""', ['4:9 error empty-value: "name" must not be empty']);
});

test('annotations with our prefix are known, and so are their values', () => {
  const annotated = (annotations: string, expected: readonly string[]) =>
    check(`${policyHead('example').join('\n')}\n  annotations:\n${annotations}\nspec: {${hooks}}\n`, expected)[0];
  const good = annotated(
    '    jatai.io/severity: high\n    jatai.io/mitre-attack: "T1055, T1059.004,T1055"\n    other/severity: bad',
    [],
  );
  expect(good?.annotations).toEqual({ severity: 'high', mitreTechniques: ['T1055', 'T1059.004'] });
  expect(annotated('    some: text', [])?.annotations).toEqual({ severity: undefined, mitreTechniques: [] });
  annotated('    jatai.io/severity: hihg', ['6:24 error bad-annotation: Unknown severity "hihg"']);
  annotated('    jatai.io/severity: ""', ['6:24 error bad-annotation: Unknown severity ""']);
  annotated('    jatai.io/severty: high', ['6:5 error unknown-annotation: Unknown annotation "jatai.io/severty"']);
  annotated('    jatai.io/mitre-attack: " , "', ['6:28 error bad-annotation: No MITRE ATT&CK technique is named']);
  annotated('    jatai.io/mitre-attack: T1055,t1059,TA0002,T1059.4', [
    '6:28 error bad-annotation: "T1059.4" is not the id of a MITRE ATT&CK technique',
    '6:28 error bad-annotation: "TA0002" is not the id of a MITRE ATT&CK technique',
    '6:28 error bad-annotation: "t1059" is not the id of a MITRE ATT&CK technique',
  ]);
});

test('policyNamespace refuses what only Kubernetes could tell', () => {
  const text = `${policyHead('example').join('\n')}\n  namespace: web\nspec: {${hooks}, hostSelector: {}}\n`;
  check(text.replace(', hostSelector: {}', ''), [
    '5:14 warning unused-namespace: A TracingPolicy belongs to no namespace: it applies to the whole node',
  ]);
  check(text.replace('TracingPolicy', 'TracingPolicyNamespaced'), [
    '2:7 error not-compiled-yet: Limiting a policy to the pods of a namespace is not compiled yet',
    '6:39 error host-selector: A TracingPolicyNamespaced cannot select the host',
    '6:39 error not-compiled-yet: "hostSelector" selects the host without its pods, which is not compiled yet',
  ]);
});

test('workloadSelectors accepts selectors that select everything', () => {
  checkSpec('  podSelector: ~\n', []);
  checkSpec('  hostSelector: {}\n  podSelector: {}\n', []);
  checkSpec('  hostSelector: {}\n  containerSelector: {matchLabels: {}}\n  podSelector: {matchExpressions: []}\n', []);
  checkSpec('  nodeSelector: {}\n', []);
  checkSpec('  podSelector: {matchLabels: {app: web}}\n', [
    '7:3 error not-compiled-yet: "podSelector" is not compiled yet',
  ]);
  checkSpec('  podSelector: {}\n', [
    '7:3 error not-compiled-yet: "podSelector" selects pods without the host, which is not compiled yet',
  ]);
  checkSpec('  hostSelector: {}\n', [
    '7:3 error not-compiled-yet: "hostSelector" selects the host without its pods, which is not compiled yet',
  ]);
  checkSpec('  nodeSelector: {matchExpressions: [{key: zone, operator: Exists}]}\n', [
    '7:3 error not-compiled-yet: "nodeSelector" is not compiled yet',
  ]);
});

test('policyOptions knows the options of the language', () => {
  const options = (entries: string, expected: readonly string[]) => checkSpec(`  options:\n${entries}`, expected);
  expect(options('  - {name: policy-mode, value: monitor}\n', [])!.mode).toBe('monitor');
  expect(options('  - {name: policy-mode, value: enforce}\n', [])!.mode).toBe('enforce');
  options('  - {name: policy-mode, value: monitr}\n', [
    '8:32 error bad-option: The option "policy-mode" cannot be "monitr"',
  ]);
  options('  - name: policy-mode\n', ['8:11 error bad-option: The option "policy-mode" has no value']);
  options('  - {name: policy-mod, value: monitor}\n', ['8:12 error unknown-option: Unknown option "policy-mod"']);
  options('  - {name: disable-kprobe-multi, value: true}\n', [
    '8:12 warning option-without-effect: The option "disable-kprobe-multi" has no effect: all policies of a hook share one program',
  ]);
  options('  - {name: policy-mode, value: monitor}\n  - {name: policy-mode, value: enforce}\n', [
    '9:12 error duplicate-option: The option "policy-mode" is set twice',
  ]);
});

test('fields that are not compiled are refused unless they say nothing', () => {
  checkSpec('  loader: true\n', []);
  checkSpec('  uprobes: []\n  lists: []\n  enforcers: []\n  selectorsMacros: {}\n', []);
  checkSpec('  lists: [{name: x}]\n  enforcers: [{calls: [sys_x]}]\n  selectorsMacros: {m: {}}\n', [
    '7:3 error not-compiled-yet: "lists" is not compiled yet',
    '8:3 error not-compiled-yet: "enforcers" is not compiled yet',
  ]);
  checkSpec('  selectorsMacros:\n    m: {matchPIDs: [{operator: In, values: [1]}]}\n', [
    '7:3 error not-compiled-yet: "selectorsMacros" is not compiled yet',
  ]);
  checkHook(
    'kprobes',
    'call: sys_read\nargs:\n- {index: 1, type: string, resolve: a.b, maxData: true, returnCopy: false}',
    [
      '3:28 error not-compiled-yet: "resolve" is not compiled yet',
      '3:42 error not-compiled-yet: "maxData" is not compiled yet',
    ],
  );
  checkSelector('matchParentBinaries: [{operator: In, values: [/bin/sh]}]\nmacros: [m]', [
    '1:1 error not-compiled-yet: "matchParentBinaries" is not compiled yet',
    '2:1 error not-compiled-yet: "macros" is not compiled yet',
  ]);
});

test('a char_buf has its size in another parameter', () => {
  const hook = checkHook('kprobes', 'call: sys_write\nargs:\n- {index: 1, type: char_buf, sizeArgIndex: 3}', [])!;
  expect(hook.args[0]!.sizeIndex).toBe(2);
  checkHook('kprobes', 'call: sys_write\nargs:\n- {index: 1, type: char_buf}', [
    '3:20 error buffer-size: A char_buf needs "sizeArgIndex", the parameter that has its size, counted from 1',
  ]);
  checkHook('kprobes', 'call: sys_write\nargs:\n- {index: 0, type: fd, sizeArgIndex: 3}', [
    '3:38 error buffer-size: Only a char_buf has "sizeArgIndex"',
  ]);
});

describe('hookTarget', () => {
  test('system calls in every spelling', () => {
    const calls = [
      'sys_read',
      '__x64_sys_read',
      'x64/sys_read',
      '__arm64_sys_read',
      'arm64/sys_read',
      'x64/__x64_sys_read',
    ];
    for (const call of calls) expect(checkHook('kprobes', `call: ${call}`, [])!.target).toBe('sys_read');
    for (const call of ['__ia32_sys_read', '__ia32_compat_sys_read', 'i386/sys_read', 'arm32/sys_read']) {
      checkHook('kprobes', `call: ${call}`, [
        `1:7 error not-compiled-yet: System calls of 32-bit programs ("${call}") are not compiled yet`,
      ]);
    }
  });

  test('functions', () => {
    expect(checkHook('fentries', 'call: __x64_sys_read\nsyscall: false', [])!.target).toBe('__x64_sys_read');
    checkHook('kprobes', 'call: do_filp_open.isra.0\nsyscall: false', []);
    checkHook('kprobes', 'call: "list:files"', [
      '1:7 error not-compiled-yet: A "list:" of functions is not compiled yet',
    ]);
    checkHook('kprobes', 'call: tcp connect\nsyscall: false', [
      '1:7 error bad-target: "tcp connect" is not the name of a kernel function',
    ]);
  });

  test('LSM hooks and tracepoints', () => {
    checkHook('lsmhooks', 'hook: security_file_open', [
      '1:7 error bad-target: LSM hooks are named without "security_": "security_file_open" is the function that calls it',
    ]);
    checkHook('tracepoints', 'subsystem: sched\nevent: sched/sched_switch', [
      '2:8 error bad-target: "sched/sched_switch" is not an event name',
    ]);
    checkHook('tracepoints', 'event: sched_switch', [
      '1:1 error missing-field: An item of "tracepoints" lacks the field "subsystem"',
    ]);
  });
});

test('syscallFlag', () => {
  checkHook('kprobes', 'call: tcp_connect', [
    '1:7 error syscall-flag: "tcp_connect" does not look like a system call (sys_...), and "syscall" is true when it is left out',
  ]);
  checkHook('fentries', 'call: tcp_connect\nsyscall: true', [
    '1:7 error syscall-flag: "tcp_connect" does not look like a system call (sys_...)',
  ]);
  checkHook('kprobes', 'call: sys_read\nsyscall: false', [
    '1:7 warning syscall-flag: "sys_read" is a system call, whose function has another name on each architecture',
  ]);
});

test('messageAndTags keeps what is long, with a warning', () => {
  const hook = checkHook('lsmhooks', `hook: file_open\nmessage: ${'m'.repeat(300)}\ntags: [${'t'.repeat(130)}]`, [
    '2:10 warning message-length: The message is of length 300, the language allows 2 to 256: it is kept whole',
    '3:8 warning tag-length: The tag is of length 130, the language allows 2 to 128: it is kept whole',
  ]);
  expect(hook!.message).toHaveLength(300);
  checkHook('lsmhooks', 'hook: file_open\nmessage: x', [
    '2:10 warning message-length: The message is of length 1, the language allows 2 to 256: it is kept whole',
  ]);
  const tags = Array.from({ length: 20 }, (_, index) => `tag${index}`);
  checkHook('lsmhooks', `hook: file_open\ntags: [${tags.join(', ')}]`, [
    '2:110 warning tag-count: The language allows 16 tags: all 20 are kept',
  ]);
});

test('argumentIndex', () => {
  checkHook(
    'kprobes',
    'call: sys_read\nargs:\n- {index: 1, type: int}\n- {index: 1, type: string}\n- {index: 6, type: int}',
    [
      '4:11 error duplicate-index: Argument 1 is listed twice; it is on line 9 already',
      '5:11 error no-such-argument: A system call has no argument 6',
    ],
  );
  checkHook('tracepoints', 'subsystem: net\nevent: netif_rx\nargs: [{index: 12, type: uint32}]', []);
  checkHook('kprobes', 'call: sys_read\nargs: [{type: int}]', [
    '2:8 error missing-field: An item of "args" lacks the field "index"',
  ]);
  checkHook('kprobes', 'call: sys_read\nargs: [{index: -1, type: int}]', [
    '2:16 error out-of-range: "index" must be from 0 to 4294967295, not -1',
  ]);
});

test('argumentType', () => {
  checkHook('tracepoints', 'subsystem: raw_syscalls\nevent: sys_enter\nargs: [{index: 4, type: syscall64}]', []);
  checkHook('kprobes', 'call: sys_read\nargs: [{index: 0, type: syscall64}]', [
    '2:25 error argument-type: The type syscall64 is the number in the tracepoints of raw_syscalls, nothing else has it',
  ]);
  checkHook('kprobes', 'call: sys_read\nargs: [{index: 0, type: char_iovec}, {index: 1, type: strng}]', [
    '2:25 error not-compiled-yet: The type "char_iovec" is not compiled yet',
    '2:55 error unknown-value: Unknown type "strng"',
  ]);
});

test('returnValue', () => {
  checkHook('kprobes', 'call: sys_read\nreturn: true', ['2:1 error return-arg: "return: true" needs a "returnArg"']);
  const unused = checkHook('kprobes', 'call: sys_read\nreturnArg: {type: int}', [
    '2:1 warning return-arg: "returnArg" is not collected without "return: true"',
  ]);
  expect(unused!.returnArg).toBeUndefined();
  const filter = 'selectors: [{matchReturnArgs: [{index: 0, operator: LT, values: [0]}]}]';
  checkHook('kprobes', `call: sys_read\nreturn: true\nreturnArg: {index: 0, type: int}\n${filter}`, []);
  checkHook('kprobes', `call: sys_read\n${filter}`, [
    '2:14 error return-filter: "matchReturnArgs" needs the return value to be collected',
  ]);
  checkHook('lsmhooks', `hook: file_open\n${filter}`, [
    '2:14 error return-filter: "matchReturnArgs" has no meaning in "lsmhooks": nothing has returned when they run',
  ]);
  checkHook(
    'fentries',
    `call: sys_read\nreturn: true\nreturnArg: {type: int}\n${filter.replace('index: 0', 'index: 1')}`,
    ['4:40 warning return-filter: A function returns one value: "index" has no effect in "matchReturnArgs"'],
  );
});

test('filterArgument', () => {
  checkSelector('matchArgs: [{index: 7, operator: Equal, values: [1]}]', [
    '1:21 error filter-argument: The hook does not list argument 7, which this filter compares',
  ]);
  checkSelector('matchArgs: [{operator: Equal, values: [1]}]', [
    '1:13 warning filter-argument: The filter has neither "index" nor "args": it compares argument 0',
  ]);
  expect(
    checkSelector('matchArgs: [{args: [1], operator: Equal, values: [a]}]', [])!.selectors[0]!.matchArgs[0]!.argument,
  ).toBe(1);
  checkSelector('matchArgs: [{args: [9], operator: Equal, values: [a]}]', [
    '1:21 error filter-argument: "args" counts the arguments listed in the hook from 0: there is no 9',
  ]);
  checkSelector('matchArgs: [{args: [0, 1], operator: Equal, values: [1]}]', [
    '1:20 error filter-argument: Equal compares one argument, "args" has 2',
  ]);
  checkSelector('matchArgs: [{args: [0], index: 2, operator: Equal, values: [1]}]', [
    '1:25 warning filter-argument: "args" goes before "index", which has no effect',
  ]);
});

test('filterOperand points at operators and values', () => {
  checkSelector(
    'matchArgs:\n- {index: 0, operator: Equal, values: [1, two, "3"]}\n- {index: 3, operator: Equal, values: [1]}',
    [
      '2:43 error bad-number: "two" is not a number',
      '3:24 error operator-type: The operator Equal does not apply to an argument of type sock',
    ],
  );
  checkSelector('matchArgs:\n- {index: 2, operator: Prefix, values: [etc/]}\n- {index: 2, operator: Equal}', [
    '2:41 warning relative-path: "etc/" never matches: paths are absolute and start with "/"',
    '3:24 error missing-values: The operator Equal needs at least one value',
  ]);
  // What `auto` stands for is known when the hook is resolved.
  checkSelector('matchArgs: [{index: 4, operator: Equal, values: [words]}]', []);
  checkSelector('matchArgs: [{index: 1, operator: SubString, values: [x]}]', [
    '1:34 error not-compiled-yet: The operator "SubString" is not compiled yet',
  ]);
});

test('nop arguments cannot be filtered', () => {
  checkHook(
    'kprobes',
    'call: sys_read\nargs: [{index: 0, type: nop}]\nselectors: [{matchArgs: [{index: 0, operator: Equal, values: [1]}]}]',
    ['3:47 error operator-type: The operator Equal does not apply to an argument of type nop'],
  );
});

test('matchPids', () => {
  checkSelector('matchPIDs: [{operator: In, values: [1, 0x10]}]\n', []);
  checkSelector('matchPIDs:\n- {operator: In, values: []}\n- {operator: Equal, values: [1]}', [
    '2:18 error missing-values: A filter of "matchPIDs" needs at least one pid',
    '3:14 error unknown-value: Unknown operator "Equal"',
  ]);
  checkSelector('matchPIDs: [{operator: In, values: [1], followForks: false}]', []);
  checkSelector('matchPIDs: [{operator: In, values: [1], followForks: true}]', [
    '1:41 error not-compiled-yet: "followForks" is not compiled yet',
  ]);
});

test('matchBinaries', () => {
  const many = Array.from({ length: 1000 }, (_, index) => `/usr/bin/program${index}`);
  expect(
    checkSelector(`matchBinaries: [{operator: In, values: [${many.join(', ')}]}]`, [])!.selectors[0]!.matchBinaries[0]!
      .values,
  ).toEqual(many);
  checkSelector(`matchBinaries: [{operator: In, values: [/${'a'.repeat(511)}]}]`, [
    '1:41 error string-too-long: The path is 512 bytes long; 510 are compared for a running process',
  ]);
  checkSelector(`matchBinaries: [{operator: Postfix, values: [${'a'.repeat(257)}]}]`, [
    '1:46 error string-too-long: The path is 257 bytes long; 256 are compared for a running process',
  ]);
  checkSelector('matchBinaries: [{operator: NotIn, values: [bash, /usr/bin/]}, {operator: Postfix, values: [""]}]', [
    '1:44 warning relative-path: "bash" never matches: paths are absolute and start with "/"',
    '1:50 warning trailing-slash: "/usr/bin/" never matches: paths do not end with "/"',
    '1:92 error empty-value: The path of a program is never empty',
  ]);
  checkSelector('matchBinaries: [{operator: In, values: [/bin/sh], followChildren: true}]', [
    '1:51 error not-compiled-yet: "followChildren" is not compiled yet',
  ]);
});

test('values that are missing or no list are reported once', () => {
  checkSelector('matchBinaries: [{operator: In, values: /bin/sh}, {operator: In}]', [
    '1:40 error wrong-type: "values" must be a list, not the string "/bin/sh"',
    '1:50 error missing-field: An item of "matchBinaries" lacks the field "values"',
  ]);
  checkSelector('matchArgs: [{index: 1, operator: Equal, values: text}, {index: 1, operator: Equal, values: [~]}]', [
    '1:49 error wrong-type: "values" must be a list, not the string "text"',
    '1:93 error wrong-type: An item of "values" must be a string, not empty',
  ]);
});

test('matchNamespaces', () => {
  checkSelector('matchNamespaces: [{namespace: Net, operator: In, values: ["4026531840", host_ns, 0x1]}]', []);
  checkSelector(
    'matchNamespaces: [{namespace: Net, operator: In, values: [host]}, {namespace: Network, operator: In, values: [1]}]',
    [
      '1:59 error bad-namespace: "host" is not the inode number of a namespace',
      '1:79 error unknown-value: Unknown namespace "Network"',
    ],
  );
});

test('matchCapabilities', () => {
  checkSelector('matchCapabilities: [{operator: In, values: [CAP_BPF, SYS_ADMIN]}]', []);
  checkSelector('matchCapabilities: [{type: Bounding, operator: In, values: [CAP_SYSADMIN]}]', [
    '1:28 error unknown-value: Unknown type "Bounding"',
    '1:61 error unknown-value: Unknown capability "CAP_SYSADMIN"',
  ]);
});

test('several filters of one kind are all kept', () => {
  const hook = checkSelector(
    `
matchPIDs: [{operator: NotIn, values: [1]}, {operator: NotIn, values: [2]}]
matchBinaries: [{operator: Prefix, values: [/usr]}, {operator: NotIn, values: [/usr/bin/sudo]}]
matchCapabilities: [{operator: In, values: [CAP_BPF]}, {type: Permitted, operator: NotIn, values: [CAP_KILL]}]
`,
    [],
  );
  const selector = hook!.selectors[0]!;
  expect([selector.matchPIDs.length, selector.matchBinaries.length, selector.matchCapabilities.length]).toEqual([
    2, 2, 2,
  ]);
});

test('actionParameters', () => {
  checkSelector('matchActions: [{action: Signal, argSig: 9}, {action: Sigkill}, {action: NoPost}]', []);
  checkSelector('matchActions: [{action: Signal}, {action: Signal, argSig: 65}, {action: Post, argSig: 9}]', [
    '1:16 error missing-parameter: The action Signal needs "argSig"',
    '1:59 error out-of-range: "argSig" must be a signal from 1 to 64, not 65',
    '1:79 warning unused-parameter: "argSig" has no effect on the action Post',
  ]);
  checkSelector('matchActions: [{action: Post, rateLimit: 5m, imaHash: true}, {action: GetUrl, argUrl: "http://x"}]', [
    '1:31 error not-compiled-yet: "rateLimit" is not compiled yet',
    '1:46 error not-compiled-yet: "imaHash" is not compiled yet',
    '1:71 error not-compiled-yet: The action "GetUrl" is not compiled yet',
    '1:79 error not-compiled-yet: "argUrl" is not compiled yet',
  ]);
  const stacks = 'matchActions: [{action: Post, kernelStackTrace: true, userStackTrace: true}]';
  const [selector] = checkHook('kprobes', `call: sys_read\nselectors:\n- ${stacks}`, [])!.selectors;
  expect(selector!.actions).toMatchObject([{ kind: 'Post', stacks: ['kernel', 'user'] }]);
  checkHook('lsmhooks', 'hook: file_open\nselectors:\n- matchActions: [{action: Post, userStackTrace: true}]', [
    '3:33 error stack-unavailable: Stacks are reported of kernel functions, by kprobes and fentries, only',
  ]);
  checkSelector('matchActions: [{action: Sigkill, kernelStackTrace: true}]', [
    '1:34 warning unused-parameter: "kernelStackTrace" has no effect on the action Sigkill',
  ]);
  checkSelector('matchActions: [{action: sigkill}]', ['1:25 error unknown-value: Unknown action "sigkill"']);
});

test('actionPlace', () => {
  const override = 'selectors: [{matchActions: [{action: Override, argError: -1}]}]';
  checkHook('kprobes', `call: sys_mount\n${override}`, []);
  checkHook('kprobes', `call: security_file_open\nsyscall: false\n${override}`, []);
  checkHook('lsmhooks', `hook: file_open\n${override}`, []);
  checkHook('kprobes', `call: tcp_connect\nsyscall: false\n${override}`, [
    '3:38 error action-place: Override works on system calls and security_* functions, not on "tcp_connect"',
  ]);
  checkHook('fentries', `call: sys_mount\n${override}`, [
    '2:38 error action-place: Override does not work in "fentries", which only watch',
  ]);
  checkHook('tracepoints', `subsystem: sched\nevent: sched_switch\n${override}`, [
    '3:38 error action-place: Override does not work at a tracepoint: there is nothing to return',
  ]);
  checkHook('fentries', 'call: tcp_connect\nsyscall: false\nselectors: [{matchActions: [{action: Sigkill}]}]', []);
  checkSelector('matchActions: [{action: Post}, {action: NoPost}]', [
    '1:41 warning contradicting-actions: Post and NoPost stand side by side: NoPost wins, there is no event',
  ]);
});
