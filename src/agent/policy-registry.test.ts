import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkPolicies } from '../policy/check.ts';
import type { Policy } from '../policy/model.ts';
import type { ApplyResult, PolicyRefusal } from './policy-manager.ts';
import { PolicyRegistry } from './policy-registry.ts';
import { PolicyDirectory } from './policy-store.ts';

function yamlOf(name: string, target = 'sys_enter_chdir', action = 'Sigkill'): string {
  return `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: ${name}
spec:
  tracepoints:
  - subsystem: syscalls
    event: ${target}
    selectors:
    - matchActions:
      - action: ${action}
`;
}

function policyOf(name: string): Policy {
  return checkPolicies(yamlOf(name), `${name}.yaml`).policies[0]!;
}

/** What a kernel would do: it lacks the tracepoint `sys_enter_missing`, and nothing else. */
class Kernel {
  active: readonly Policy[] = [];

  setPolicies(policies: readonly Policy[]): ApplyResult {
    const refused = policies.filter(isImpossible).map(refusalOf);
    this.active = policies.filter((policy) => !isImpossible(policy));
    const absent = new Map(refused.flatMap((refusal) => [...refusal.absent]));
    return { loaded: this.active, refused, absent, degraded: [], hookCount: 1 };
  }

  setPoliciesWith(policies: readonly Policy[], required: Policy): ApplyResult | PolicyRefusal {
    if (isImpossible(required)) return refusalOf(required);
    return this.setPolicies(policies);
  }

  names(): string[] {
    return this.active.map(({ name, mode }) => (mode === 'enforce' ? name : `${name} (${mode})`));
  }
}

function isImpossible({ hooks }: Policy): boolean {
  return hooks.some(({ target }) => target.endsWith('missing'));
}

function refusalOf(policy: Policy): PolicyRefusal {
  const { file, hooks } = policy;
  const message = 'This kernel has no such tracepoint';
  const place = { file, line: 8, column: 12, severity: 'error', code: 'unknown-tracepoint' } as const;
  const absent = new Map(hooks.filter(({ target }) => target.endsWith('missing')).map((hook) => [hook, 'not-found']));
  return { policy, diagnostics: [{ ...place, message, hint: '' }], absent: absent as PolicyRefusal['absent'] };
}

let kernel: Kernel;
let registry: PolicyRegistry;
beforeEach(() => {
  kernel = new Kernel();
  registry = new PolicyRegistry({ agent: kernel, mode: undefined });
});

const keyOf = (name: string, domain = 'grpc') => ({ name, namespace: '', domain });

describe('PolicyRegistry', () => {
  test('policies of clients join those of files, and stay when files change', () => {
    registry.setFiles([policyOf('a'), policyOf('b')]);
    registry.add(yamlOf('c'));
    expect(kernel.names()).toEqual(['a', 'b', 'c']);
    registry.setFiles([policyOf('b'), policyOf('d')]);
    expect(kernel.names()).toEqual(['b', 'c', 'd']);
    expect(registry.list().map(({ id, name, domain }) => `${id} ${name} ${domain}`)).toEqual([
      '2 b static',
      '3 c grpc',
      '4 d static',
    ]);
    expect(registry.list('grpc').map(({ name }) => name)).toEqual(['c']);
  });

  test('a name is taken in its domain only', () => {
    registry.setFiles([policyOf('a')]);
    registry.add(yamlOf('a'));
    expect(() => registry.add(yamlOf('a'))).toThrow('The policy "a" of domain "grpc" exists already');
    registry.add(yamlOf('a'), 'other');
    expect(registry.domains()).toEqual(['grpc', 'static', 'other']);
    expect(kernel.names()).toEqual(['a', 'a', 'a']);
  });

  test.each(['static', 'k8s', 'sensors', 'A b', '../x', 'a:b', ''])('the domain %j is refused', (domain) => {
    expect(() => registry.add(yamlOf('a'), domain)).toThrow(/domain/);
    expect(registry.list()).toEqual([]);
  });

  test('a policy that cannot be loaded is listed with its reason until it is replaced', () => {
    registry.setFiles([policyOf('a')]);
    expect(() => registry.add(yamlOf('c', 'sys_enter_missing'))).toThrow(
      'policy-2.yaml:8:12: error: This kernel has no such tracepoint',
    );
    expect(kernel.names()).toEqual(['a']);
    expect(registry.list('grpc')).toMatchObject([{ name: 'c', loaded: false, errors: [{ line: 8 }] }]);
    registry.setFiles([policyOf('a'), policyOf('b')]);
    expect(registry.list('grpc')).toMatchObject([{ name: 'c', loaded: false, errors: [{ line: 8 }] }]);
    registry.add(yamlOf('c'));
    expect(registry.list('grpc')).toMatchObject([{ id: 4, name: 'c', loaded: true, errors: [] }]);
  });

  test('a policy that cannot be loaded is not changed either', () => {
    expect(() => registry.add(yamlOf('c', 'sys_enter_missing'))).toThrow();
    const before = registry.list();
    expect([...before[0]!.absent.values()]).toEqual(['not-found']);
    for (const change of [{ enabled: true }, { enabled: false }, { mode: 'monitor' as const }])
      expect(() => registry.configure(keyOf('c'), change)).toThrow('is not loaded; delete it, or add it again');
    expect(registry.list()).toEqual(before);
    registry.remove(keyOf('c'));
    expect(registry.list()).toEqual([]);
  });

  test('warnings about a policy of a client are told', () => {
    const told: string[] = [];
    registry = new PolicyRegistry({ agent: kernel, mode: undefined, warn: (text) => told.push(text) });
    registry.add(yamlOf('c').replace('  name: c', '  name: c\n  namespace: x'));
    expect(told).toEqual([expect.stringMatching(/^The policy "c" of domain "grpc":\npolicy-1\.yaml:5:14: warning: /)]);
  });

  test('mistakes are told with their place; nothing is listed', () => {
    expect(() => registry.add(yamlOf('c', 'sys_enter_chdir', 'Sigkil'))).toThrow(
      /^policy-1\.yaml:\d+:\d+: error: .*Sigkil/,
    );
    expect(() => registry.add(`${yamlOf('a')}---\n${yamlOf('b')}`)).toThrow('2 policies came at once');
    expect(() => registry.add('')).toThrow('holds no policy');
    expect(registry.list()).toEqual([]);
  });

  test('policies are disabled, enabled and change their mode one by one', () => {
    registry.setFiles([policyOf('a')]);
    registry.add(yamlOf('b'));
    registry.configure(keyOf('b'), { enabled: false });
    expect(kernel.names()).toEqual(['a']);
    registry.configure(keyOf('b'), { enabled: true, mode: 'monitor' });
    registry.configure(keyOf('a', 'static'), { mode: 'monitor' });
    expect(kernel.names()).toEqual(['a (monitor)', 'b (monitor)']);
    registry.configure(keyOf('b'), { mode: 'enforce' });
    registry.setFiles([policyOf('a')]);
    expect(kernel.names()).toEqual(['a (monitor)', 'b']);
    expect(registry.list().map(({ mode }) => mode)).toEqual(['monitor', 'enforce']);
  });

  test('an unchanged policy is the same object in every generation', () => {
    registry.add(yamlOf('a'));
    registry.configure(keyOf('a'), { mode: 'monitor' });
    const first = kernel.active[0];
    registry.configure(keyOf('a'), { mode: 'enforce' });
    registry.add(yamlOf('b'));
    registry.configure(keyOf('a'), { mode: 'monitor' });
    expect(kernel.active[0]).toBe(first);
  });

  test('a change that fails leaves everything as it was', () => {
    registry.setFiles([checkPolicies(yamlOf('a', 'sys_enter_missing'), 'a.yaml').policies[0]!]);
    const before = registry.list();
    expect(() => registry.configure(keyOf('a', 'static'), { mode: 'monitor' })).toThrow('no such tracepoint');
    expect(registry.list()).toEqual(before);
  });

  test('removing needs a policy of a client', () => {
    registry.setFiles([policyOf('a')]);
    registry.add(yamlOf('b'));
    registry.remove(keyOf('b'));
    expect(kernel.names()).toEqual(['a']);
    expect(() => registry.remove(keyOf('b'))).toThrow('The policy "b" of domain "grpc" does not exist');
    expect(() => registry.remove(keyOf('a'))).toThrow('does not exist; there is one in domain "static", namespace ""');
    expect(() => registry.remove(keyOf('a', 'static'))).toThrow('comes from a.yaml; remove it there, or disable it');
  });
});

describe('policies over a restart', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jatai-policies-'));
    registry = new PolicyRegistry({ agent: kernel, mode: undefined, store: new PolicyDirectory(join(folder, 'kept')) });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A new agent, with what the old one left on disk. */
  function restart(): void {
    kernel = new Kernel();
    const store = new PolicyDirectory(join(folder, 'kept'));
    registry = new PolicyRegistry({ agent: kernel, mode: undefined, store });
    registry.restore(store.load(), []);
  }

  test('come back with their state', () => {
    registry.add(yamlOf('a'));
    registry.add(yamlOf('b'), 'other');
    registry.add(yamlOf('c'));
    registry.add(yamlOf('d'));
    registry.configure(keyOf('a'), { mode: 'monitor' });
    registry.configure(keyOf('b', 'other'), { enabled: false });
    registry.remove(keyOf('c'));
    expect(readdirSync(join(folder, 'kept'))).toEqual(['a::grpc.json', 'b::other.json', 'd::grpc.json']);
    expect(statSync(join(folder, 'kept', 'a::grpc.json')).mode & 0o777).toBe(0o600);
    restart();
    expect(kernel.names()).toEqual(['a (monitor)', 'd']);
    registry.configure(keyOf('b', 'other'), { enabled: true });
    expect(kernel.names()).toEqual(['a (monitor)', 'b', 'd']);
  });

  test('come back in the same switch as those of the files', () => {
    registry.add(yamlOf('a'));
    kernel = new Kernel();
    const switches: string[][] = [];
    const agent = {
      setPolicies: (policies: readonly Policy[]) => {
        const result = kernel.setPolicies(policies);
        switches.push(kernel.names());
        return result;
      },
      setPoliciesWith: kernel.setPoliciesWith.bind(kernel),
    };
    const store = new PolicyDirectory(join(folder, 'kept'));
    new PolicyRegistry({ agent, mode: undefined, store }).restore(store.load(), [policyOf('file')]);
    expect(switches).toEqual([['file', 'a']]);
  });

  test('come back all or none', () => {
    registry.add(yamlOf('a'));
    registry.add(yamlOf('b'));
    const file = join(folder, 'kept', 'b::grpc.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('sys_enter_chdir', 'sys_enter_missing'));
    expect(restart).toThrow('The policy "b" of domain "grpc" cannot be loaded:\npolicy-');
    expect(kernel.names()).toEqual([]);
    expect(registry.list()).toEqual([]);
    expect(readdirSync(join(folder, 'kept'))).toHaveLength(2);
  });

  test('a damaged file is named', () => {
    writeFileSync(join(folder, 'kept', 'x::grpc.json'), '{"yaml": 5}');
    expect(restart).toThrow(/kept\/x::grpc\.json is no stored policy; remove it$/);
  });

  test('a refused policy is not kept', () => {
    expect(() => registry.add(yamlOf('a', 'sys_enter_missing'))).toThrow();
    expect(() => registry.configure(keyOf('a'), { mode: 'monitor' })).toThrow();
    expect(readdirSync(join(folder, 'kept'))).toEqual([]);
  });

  test('what cannot be kept does not happen', () => {
    registry.add(yamlOf('a'));
    /* What a full disk does to writers, also to root. */
    rmSync(join(folder, 'kept'), { recursive: true });
    writeFileSync(join(folder, 'kept'), '');
    const refused = (change: () => void, done: string): void =>
      expect(change).toThrow(
        new RegExp(`^The policy "[ab]" of domain "grpc" is not ${done}: that cannot be kept over a restart: ENOTDIR`),
      );
    refused(() => registry.add(yamlOf('b')), 'added');
    refused(() => registry.configure(keyOf('a'), { mode: 'monitor' }), 'changed');
    refused(() => registry.remove(keyOf('a')), 'deleted');
    expect(registry.list()).toMatchObject([{ name: 'a', mode: 'enforce', loaded: true }]);
    expect(kernel.names()).toEqual(['a']);
  });

  test('a change that the kernel refuses is not kept', () => {
    registry.add(yamlOf('a'));
    registry.configure(keyOf('a'), { enabled: false });
    kernel.setPoliciesWith = (_policies, required) => refusalOf(required);
    expect(() => registry.configure(keyOf('a'), { enabled: true })).toThrow();
    restart();
    expect(kernel.names()).toEqual([]);
    expect(registry.list()).toMatchObject([{ name: 'a', enabled: false }]);
  });
});
