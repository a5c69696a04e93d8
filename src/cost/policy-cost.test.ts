import { describe, expect, test } from 'vitest';
import { callCost, matchCost } from './policy-cost.ts';
import { costsOf, exampleKernel, examplesOf, fileOpens } from './test-costs.ts';

const typical = (spec: string) => {
  const [hook] = costsOf(examplesOf(spec)).hooks;
  return hook!.cost.outcomes;
};

describe('policyCosts', () => {
  test('knows how calls of a hook can end', () => {
    const equal = typical(fileOpens('Equal', '/etc/shadow'));
    expect(Object.keys(equal)).toEqual(['refused-early', 'refused-late', 'matched']);
    const prefix = typical(fileOpens('Prefix', '/etc/'));
    expect(Object.keys(prefix)).toEqual(['refused-late', 'matched']);
    const always = typical('kprobes:\n- call: tcp_connect\n  syscall: false');
    expect(Object.keys(always)).toEqual(['matched']);
  });

  test('a selector that posts nothing matches all the same', () => {
    const spec = `${fileOpens('Equal', '/etc/shadow')}\n    matchActions:\n    - {action: NoPost}`;
    const silent = typical(spec).matched!.typical;
    expect(silent).toBeLessThan(typical(fileOpens('Equal', '/etc/shadow')).matched!.typical - 300);
  });

  test('the later a call is refused the more it costs, and least, typical and most are in order', () => {
    const { 'refused-early': early, 'refused-late': late, matched } = typical(fileOpens('Equal', '/etc/shadow'));
    expect(early!.typical).toBeLessThan(late!.typical);
    expect(late!.typical).toBeLessThan(matched!.typical);
    for (const { least, typical, most } of [early!, late!, matched!]) {
      expect(least).toBeLessThanOrEqual(typical);
      expect(typical).toBeLessThanOrEqual(most);
    }
  });

  test('a guard costs less than following a path', () => {
    expect(typical(fileOpens('Equal', '/etc/shadow'))['refused-early']!.typical).toBeLessThan(
      typical(fileOpens('Prefix', '/etc/'))['refused-late']!.typical / 3,
    );
  });

  test.each(['debian-5.10', 'debian-6.12'])('forty policies cost little more than one on %s', (kernel) => {
    const specs = Array.from({ length: 40 }, (_, index) => fileOpens('Prefix', `/srv/directory-${index}/`));
    const facts = exampleKernel(kernel);
    const one = callCost(costsOf(examplesOf(specs[0]!), facts).hooks[0]!.cost);
    const all = costsOf(examplesOf(...specs), facts);
    expect(callCost(all.hooks[0]!.cost)).toBeLessThan(one * 1.1);
    expect(all.policies).toHaveLength(40);
    for (const { adds, addsIsMean } of all.policies) {
      expect(addsIsMean).toBe(true);
      expect(adds).toBeLessThan(one / 30);
    }
  });

  test('a policy that makes a hook follow paths adds that, one beside it nothing', () => {
    const { policies } = costsOf(examplesOf(fileOpens('Equal', '/etc/shadow'), fileOpens('Prefix', '/srv/')));
    const [equal, prefix] = policies;
    expect(callCost(equal!.alone)).toBeLessThan(600);
    expect(equal!.adds).toBeLessThan(50);
    expect(prefix!.adds).toBeGreaterThan(500);
  });

  test('the return program is paid by every call', () => {
    const open = (more: string) => `kprobes:
- call: sys_openat
  syscall: true${more}
  args:
  - {index: 2, type: int}
  selectors:
  - matchArgs:
    - {index: 2, operator: Equal, values: ["77"]}`;
    const [without] = costsOf(examplesOf(open(''))).hooks;
    const [withReturn] = costsOf(examplesOf(open('\n  return: true\n  returnArg: {index: 0, type: int}'))).hooks;
    const { returns } = withReturn!.cost;
    expect(without!.cost.returns).toBeUndefined();
    expect(returns!.awaited).toBeGreaterThan(returns!.notAwaited);
    expect(callCost(withReturn!.cost) - callCost(without!.cost)).toBe(returns!.attach + returns!.notAwaited);
    expect(matchCost(withReturn!.cost)).toBeGreaterThan(matchCost(without!.cost) + returns!.awaited);
  });

  test('the same policies cost the same each time', () => {
    const policies = examplesOf(fileOpens('Postfix', '.pem', '.key'));
    expect(costsOf(policies).hooks[0]!.cost).toEqual(costsOf(policies).hooks[0]!.cost);
  });

  test('what a kernel lacks has no cost and a reason', () => {
    const { hooks, refused } = costsOf(examplesOf(fileOpens('Equal', '/etc/shadow')), exampleKernel('no-kprobes-6.18'));
    expect(hooks).toEqual([]);
    expect(refused[0]!.message).toContain('security_file_open');
  });
});
