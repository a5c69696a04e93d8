import { describe, expect, test } from 'vitest';
import { checkPolicies } from '../policy/check.ts';
import { splitDocuments, withPolicyMode } from './policy-yaml.ts';

const policy = (name: string, options = ''): string => `# about ${name}
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: ${name}
spec:
  ${options}
  tracepoints:
  - {subsystem: syscalls, event: sys_enter_chdir}
`;

describe('splitDocuments', () => {
  test('gives each policy a text of its own', () => {
    const texts = splitDocuments(`---\n${policy('a')}---\n# nothing\n---\n${policy('b')}...\n`);
    const names = texts.map((text) => checkPolicies(text, 'x.yaml').policies.map(({ name }) => name));
    expect(names).toEqual([['a'], ['b']]);
  });
});

describe('withPolicyMode', () => {
  test.each([
    ['no options', ''],
    ['another option', 'options: [{name: disable-kprobe-multi, value: "1"}]'],
    ['the other mode', 'options: [{name: policy-mode, value: enforce}]'],
  ])('%s', (_name, options) => {
    const changed = withPolicyMode(policy('a', options), 'monitor');
    const { policies, diagnostics } = checkPolicies(changed, 'x.yaml');
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(policies[0]).toMatchObject({ name: 'a', mode: 'monitor' });
    expect(changed).toContain('# about a');
    if (options.includes('disable')) expect(changed).toContain('disable-kprobe-multi');
  });
});
