import { describe, expect, test } from 'vitest';
import type { Event } from '../events/events.ts';
import { createCelCompiler } from './cel-filter.ts';
import { compileEventFilter, compileEventLists, type EventPredicate, type FilterContext } from './event-filter.ts';
import { processOf } from './event-types.ts';
import { parseFilterList } from './filter-json.ts';
import { visitSampleEvents } from './sample-events.ts';

/** Every event of the samples in the order they come. */
const all = ['exec 10', 'exec 20', 'exec 30', 'exec 40', 'hook 40', 'exit 40'];

function matching(makePredicate: (lineOf: (event: Event) => Buffer) => EventPredicate): string[] {
  let current: Buffer;
  const predicate = makePredicate(() => current);
  const found: string[] = [];
  visitSampleEvents((event, line) => {
    current = line;
    if (predicate(event)) found.push(nameOf(event));
  });
  return found;
}

function nameOf(event: Event): string {
  return `${event.kind} ${processOf(event)?.tgid}`;
}

function check(json: string, expected: readonly string[]): void {
  const predicate = (lineOf: (event: Event) => Buffer): EventPredicate => {
    const context: FilterContext = { withCredentials: true, cel: createCelCompiler(lineOf) };
    return compileEventFilter(parseFilterList('--export-allowlist', json), context);
  };
  expect(matching(predicate)).toEqual(expected);
}

describe('a filter', () => {
  const curl = ['exec 40', 'hook 40', 'exit 40'];
  const cases: readonly [json: string, expected: readonly string[]][] = [
    ['{}', all],
    ['{"binary_regex":["^/usr/bin/curl$"]}', curl],
    ['{"binaryRegex":["curl","bash"]}', ['exec 20', ...curl]],
    ['{"binary_regex":[]}', all],
    ['{"parent_binary_regex":["sudo"]}', curl],
    ['{"ancestor_binary_regex":["sudo"]}', []],
    ['{"ancestor_binary_regex":["bash"]}', curl],
    ['{"ancestor_binary_regex":["sshd"]}', ['exec 30', ...curl]],
    ['{"arguments_regex":["^--user \\\\S+ "]}', curl],
    ['{"arguments_regex":["\\"https://example.org/a b\\"$"]}', curl],
    ['{"parent_arguments_regex":["^curl$"]}', curl],
    ['{"container_id":["^0123456789abcdef0123456789abcde$"]}', curl],
    ['{"pid":[20,40]}', ['exec 20', ...curl]],
    ['{"pid_set":[20]}', ['exec 20', 'exec 30', ...curl]],
    ['{"event_set":["PROCESS_EXIT","PROCESS_KPROBE"]}', ['hook 40', 'exit 40']],
    ['{"event_set":[1]}', ['exec 10', 'exec 20', 'exec 30', 'exec 40']],
    ['{"policy_names":["watch-shadow"]}', ['hook 40']],
    ['{"policy_names":["watch"]}', []],
    ['{"in_init_tree":true}', ['exec 10']],
    ['{"in_init_tree":{"value":false}}', all.slice(1)],
    ['{"capabilities":{"effective":{"any":["CAP_SYS_ADMIN","CAP_BPF"]}}}', ['exec 30']],
    ['{"capabilities":{"effective":{"all":["CAP_SYS_ADMIN","CAP_BPF"]}}}', []],
    ['{"capabilities":{"effective":{"exactly":["CAP_SYS_ADMIN"]},"permitted":{"none":["DAC_OVERRIDE"]}}}', ['exec 30']],
    ['{"capabilities":{"effective":{"none":["CAP_SYS_ADMIN"]}}}', all.filter((name) => name !== 'exec 30')],
    ['{"namespace":[""]}', all],
    ['{"namespace":["kube-system"]}', []],
    ['{"health_check":true}', []],
    ['{"health_check":false}', all],
    ['{"labels":["app in (a, b),!c"],"pid":[40]}', []],
    ['{"binary_regex":["curl"],"event_set":["PROCESS_EXEC"]}', ['exec 40']],
    ['{"pid":[10]} {"event_set":["PROCESS_EXIT"]}', ['exec 10', 'exit 40']],
    ['{"pid":[10]}\n{"pid":[20]}', ['exec 10', 'exec 20']],
  ];
  for (const [json, expected] of cases) {
    test(`${json} matches ${expected.length} events`, () => check(json, expected));
  }
});

describe('a CEL expression', () => {
  const cases: readonly [expression: string, expected: readonly string[]][] = [
    ['process_exec.process.pid > uint(20)', ['exec 30', 'exec 40']],
    ["process_kprobe.function_name == 'security_file_permission'", ['hook 40']],
    ['process_kprobe.action == KprobeAction.KPROBE_ACTION_SIGKILL', ['hook 40']],
    ['process_kprobe.args.exists(a, a.file_arg.path.startsWith("/etc/"))', ['hook 40']],
    ['process_kprobe.args[1].int_arg == 4 && process_kprobe.args[1].label == "mask"', ['hook 40']],
    ['process_exit.signal == "SIGKILL" && process_exit.status == uint(0)', ['exit 40']],
    ['process_exec.process.binary.matches("(?i)/CURL$")', ['exec 40']],
    ['process_exec.parent.binary == "/bin/bash" || process_exit.signal == "SIGKILL"', ['exec 30', 'exit 40']],
    ['has(process_exec.parent)', ['exec 20', 'exec 30', 'exec 40']],
    [
      'process_exec.process.start_time > timestamp("2026-01-01T00:00:00Z")',
      ['exec 10', 'exec 20', 'exec 30', 'exec 40'],
    ],
    ['"files" in process_kprobe.tags', ['hook 40']],
    ['cidr("10.0.0.0/8").containsIP(ip("10.1.2.3")) && process_exec.process.pid == 10u', ['exec 10']],
    ['!isIP(process_exec.process.binary) && process_exec.process.pid == 10u', ['exec 10']],
    ['process_exec.process.docker != ""', ['exec 40']],
    ['process_kprobe.severity in ["high", "critical"]', ['hook 40']],
    ['process_kprobe.mitre_techniques.exists(t, t.startsWith("T1003"))', ['hook 40']],
    ['matches(process_exec.process.binary, "^/usr/bin/c")', ['exec 40']],
    ['int(process_exec.process.pid) == 40', ['exec 40']],
  ];
  for (const [expression, expected] of cases) {
    test(`${expression} matches ${expected.length} events`, () => {
      check(JSON.stringify({ cel_expression: [expression] }), expected);
    });
  }
});

describe('a message that is not there', () => {
  const execs = ['exec 10', 'exec 20', 'exec 30', 'exec 40'];
  const cases: readonly [expression: string, expected: readonly string[]][] = [
    ['process_exec.process.pod.namespace != "kube-system"', execs],
    ['process_exec.process.pod.container.image.name == ""', execs],
    ['!has(process_exec.process.pod.container)', execs],
    ['has(process_exec.process.pod.pod_labels.app)', []],
    ['process_exec.parent.binary == ""', ['exec 10']],
    ['has(process_exit.signal)', ['exit 40']],
    ['has(process_exit.status) || has(process_exit.ancestors)', []],
    ['has((process_exec.process).pod) || has( ((process_exec.process) . // (x\n docker) )', ['exec 40']],
    ['process_kprobe.args.exists(a, has(a.file_arg) && has(process_kprobe.args[1].int_arg))', ['hook 40']],
  ];
  for (const [expression, expected] of cases)
    test(expression, () => check(JSON.stringify({ cel_expression: [expression] }), expected));
});

describe('what stands in parentheses is evaluated first', () => {
  const cases: readonly [expression: string, expected: readonly string[]][] = [
    ['process_exec.process.pid - (20u - 10u) == 30u', ['exec 40']],
    ['process_exec.process.in_init_tree == (process_exec.process.binary == "/usr/sbin/sshd")', all.slice(0, 4)],
    ['((process_exec.process.binary) ) // (binary\n . matches ( "curl" )', ['exec 40']],
  ];
  for (const [expression, expected] of cases)
    test(expression, () => check(JSON.stringify({ cel_expression: [expression] }), expected));
});

describe("Kubernetes' functions of addresses", () => {
  const cases: readonly [expression: string, holds: boolean][] = [
    ['ip("::1") == ip("0:0:0:0:0:0:0:1") && ip("::1") != ip("::2")', true],
    ['string(ip("0:0:0:0:0:0:0:1")) == "::1"', true],
    ['ip("10.0.0.1").isGlobalUnicast() && !ip("fe80::1").isGlobalUnicast()', true],
    ['ip("169.254.1.1").isLinkLocalUnicast() && ip("ff02::1").isLinkLocalMulticast()', true],
    ['ip("::1").isLoopback() && ip("0.0.0.0").isUnspecified()', true],
    ['ip("10.0.0.1").family() == 4 && ip("::1").family() == 6', true],
    ['isIP("::ffff:192.0.2.1") || isIP("fe80::1%eth0") || isIP("010.0.0.1") || isIP("10.0.0.0/8")', false],
    ['string(cidr("10.1.2.3/8").masked()) == "10.0.0.0/8"', true],
    ['cidr("10.1.2.3/8") == cidr("10.0.0.0/8")', false],
    ['cidr("10.1.2.3/8").ip() == ip("10.1.2.3") && cidr("10.1.2.3/8").prefixLength() == 8', true],
    ['cidr("10.1.2.3/8").containsIP("10.9.9.9") && cidr("fd00::/8").containsCIDR("fd12::/16")', true],
    ['cidr("10.1.0.0/16").containsCIDR(cidr("10.0.0.0/8")) || cidr("::/0").containsIP("10.0.0.1")', false],
    ['isCIDR("10.0.0.0/33") || isCIDR("10.0.0.0")', false],
  ];
  for (const [expression, holds] of cases)
    test(`${expression} is ${holds}`, () =>
      check(
        JSON.stringify({ cel_expression: [`(${expression}) && has(process_exit.process)`] }),
        holds ? ['exit 40'] : [],
      ));
});

test('a deny list wins over an allow list', () => {
  const lists = (allow: string, deny: string): string[] =>
    matching(
      () =>
        compileEventLists(parseFilterList('--export-allowlist', allow), parseFilterList('--export-denylist', deny))!,
    );
  expect(lists('{"event_set":["PROCESS_EXEC"]}', '{"pid":[10,20]}')).toEqual(['exec 30', 'exec 40']);
  expect(lists('', '{"event_set":["PROCESS_EXEC"]}')).toEqual(['hook 40', 'exit 40']);
  expect(compileEventLists([], [])).toBeUndefined();
});

describe('a filter that is wrong names the option, the place and the field', () => {
  const cases: readonly [json: string, message: string][] = [
    ['[]', '--export-denylist: filter 1 (character 1): expected a JSON object, found "["'],
    ['{"pid":[1]}\n {"pid":', '--export-denylist: filter 2 (character 14): the JSON object has no end'],
    [
      '{"pid":[1]}{"event_sett":[]}',
      '--export-denylist: filter 2 (character 12): unknown field "event_sett". Did you mean "event_set"?',
    ],
    [
      '{"event_set":["PROCESS_EXCE"]}',
      '--export-denylist: filter 1 (character 1): field "event_set", value 1: "PROCESS_EXCE" is not one of its values. Did you mean "PROCESS_EXEC"?',
    ],
    ['{"pid":1}', '--export-denylist: filter 1 (character 1): field "pid" needs a list'],
    ['{"pid":[1,-1]}', '--export-denylist: filter 1 (character 1): field "pid", value 2: -1 is not a process id'],
    ['{"in_init_tree":"yes"}', '--export-denylist: filter 1 (character 1): field "in_init_tree" needs true or false'],
    ['{"pid":[1],"pid":[2]}', '--export-denylist: filter 1 (character 1): field "pid" is given twice'],
    [
      '{"pod_regex":["a"],"podRegex":["b"]}',
      '--export-denylist: filter 1 (character 1): field "pod_regex" is given twice',
    ],
    [
      '{"binary_regex":["ok","(a"]}',
      '--export-denylist: filter 1 (character 1): field "binary_regex", value 2: "(a" is not a regular expression as RE2 has them: a parenthesis is not closed',
    ],
    [
      '{"capabilities":{"effective":{"any":["CAP_CHOWN"],"none":["CAP_BPF"]}}}',
      '--export-denylist: filter 1 (character 1): field "capabilities": field "effective": needs exactly one of any, all, exactly, none; found any, none',
    ],
    [
      '{"labels":["a in (b"]}',
      '--export-denylist: filter 1 (character 1): field "labels": "a in (b" is not a requirement of a label selector',
    ],
    [
      '{"cel_expression":["process_exec.process.bad_field_name == \'curl\'"]}',
      '--export-denylist: filter 1 (character 1): field "cel_expression", value 1: "process_exec.process.bad_field_name == \'curl\'": No such key: bad_field_name',
    ],
    [
      '{"cel_expression":["process_exec.process.binary"]}',
      '--export-denylist: filter 1 (character 1): field "cel_expression", value 1: "process_exec.process.binary": the result is string, not bool',
    ],
    ['{"cel_expression":["process_exec.process.binary.matches(\'(?=a)\')"]}', '(?=a is not supported'],
    ['{"cel_expression":["matches(process_exec.process.binary, \'(?=a)\')"]}', '(?=a is not supported'],
    ['{"cel_expression":["has(process_exec.process.podd)"]}', 'No such key: podd'],
    ['{"cel_expression":["process_kprobe.args.exists(a, has(a.file))"]}', 'No such key: file'],
  ];
  for (const [json, message] of cases) {
    test(json, () => {
      const context: FilterContext = { withCredentials: true, cel: createCelCompiler(() => Buffer.alloc(0)) };
      expect(() => compileEventFilter(parseFilterList('--export-denylist', json), context)).toThrow(message);
    });
  }

  test('capabilities that nobody collects', () => {
    const filters = parseFilterList('--export-allowlist', '{"capabilities":{"effective":{"any":["CAP_BPF"]}}}');
    expect(() => compileEventFilter(filters)).toThrow(
      '--export-allowlist: filter 1 (character 1): field "capabilities" needs --enable-process-cred',
    );
  });
});
