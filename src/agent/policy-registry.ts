import type { AbsentHooks } from '../compiler/resolve.ts';
import { checkPolicies } from '../policy/check.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { HookSpec, Policy, PolicyMode } from '../policy/model.ts';
import { printDiagnostics } from '../policy/print-diagnostic.ts';
import { inSpan } from '../tracing/spans.ts';
import type { ApplyResult, PolicyRefusal } from './policy-manager.ts';
import { withMode } from './policy-mode.ts';

/** Policies of files belong to the domain `static`; those of clients to `grpc` or one that the client names. */
export const staticDomain = 'static';
export const defaultClientDomain = 'grpc';

/** What a policy is known by. The namespace is empty for policies of the whole node. */
export interface PolicyKey {
  readonly name: string;
  readonly namespace: string;
  readonly domain: string;
}

/** One policy and what became of it. */
export interface PolicyRecord extends PolicyKey {
  readonly id: number;
  /** As its author wrote it, but for the mode. */
  readonly policy: Policy;
  readonly enabled: boolean;
  readonly mode: PolicyMode;
  /** Asked for at run time: wins over the option of the agent and over the policy. */
  readonly chosenMode: PolicyMode | undefined;
  /** Why it is not loaded, or not in full; empty when it is. */
  readonly errors: readonly Diagnostic[];
  /** Its hooks that this kernel cannot serve, those included that may be absent (`ignore.callNotFound`). */
  readonly absent: AbsentHooks;
  /** True when at least one of its hooks is live. */
  readonly loaded: boolean;
  /** Its source, for policies that came from a client. */
  readonly yaml: string | undefined;
}

/** Where policies of clients are kept over a restart. Both methods throw the system's error. */
export interface PolicyStore {
  save(record: PolicyRecord): void;
  remove(key: PolicyKey): void;
}

/** A policy of a client, as it was when the agent stopped. */
export interface StoredPolicy {
  readonly yaml: string;
  readonly enabled: boolean;
  readonly domain: string;
  /** Chosen at run time; undefined when the policy decides. */
  readonly mode?: PolicyMode | undefined;
}

export interface PolicyRegistryOptions {
  readonly agent: {
    setPolicies(policies: readonly Policy[]): ApplyResult;
    setPoliciesWith(
      policies: readonly Policy[],
      required: Policy,
      extent: 'in full' | 'in part',
    ): ApplyResult | PolicyRefusal;
  };
  /** For every policy, whatever it says itself. */
  readonly mode: PolicyMode | undefined;
  readonly store?: PolicyStore | undefined;
  /** Told of the warnings about a policy of a client that was added; the client itself only learns that it was. */
  readonly warn?: (text: string) => void;
}

/** Why a change of policies was refused. `text` says it for people, with source lines. */
export class PolicyRequestError extends Error {
  readonly reason: 'invalid' | 'exists' | 'missing' | 'refused' | 'static' | 'unkept';

  constructor(reason: PolicyRequestError['reason'], message: string) {
    super(message);
    this.name = 'PolicyRequestError';
    this.reason = reason;
  }
}

interface MutableRecord extends PolicyKey {
  readonly id: number;
  policy: Policy;
  enabled: boolean;
  chosenMode: PolicyMode | undefined;
  errors: readonly Diagnostic[];
  absent: AbsentHooks;
  loaded: boolean;
  /** A policy of a client that was refused: it stays in the list until it is replaced, and is not tried again. */
  rejected: boolean;
  readonly yaml: string | undefined;
}

/** All policies of the agent, from files and from clients: what is active is always the union of the enabled ones. */
export class PolicyRegistry {
  readonly #options: PolicyRegistryOptions;
  readonly #records = new Map<string, MutableRecord>();
  #nextId = 1;

  constructor(options: PolicyRegistryOptions) {
    this.#options = options;
  }

  /** Makes these the policies of the domain `static`; what was set for one of the same name stays. */
  setFiles(policies: readonly Policy[]): ApplyResult {
    this.#replaceFiles(policies);
    return this.#applyAll();
  }

  #replaceFiles(policies: readonly Policy[]): void {
    const keys = new Set(policies.map((policy) => keyText(keyOf(policy, staticDomain))));
    for (const [key, record] of this.#records)
      if (record.domain === staticDomain && !keys.has(key)) this.#records.delete(key);
    for (const policy of policies) {
      const key = keyOf(policy, staticDomain);
      const known = this.#records.get(keyText(key));
      if (known !== undefined) known.policy = policy;
      else this.#records.set(keyText(key), this.#newRecord(key, policy, undefined));
    }
  }

  /**
   * Checks and loads the policy of a client; every hook of it is live when this returns. Throws a PolicyRequestError
   * when it is wrong, when one of its name is there already, when this kernel cannot run it, and when it cannot be kept.
   */
  add(yaml: string, domain: string = defaultClientDomain): PolicyRecord {
    checkDomain(domain);
    const { policy, warnings } = this.#parse(yaml);
    const key = keyOf(policy, domain);
    const known = this.#records.get(keyText(key));
    if (known !== undefined && !known.rejected)
      throw new PolicyRequestError('exists', `${describeKey(key)} exists already; delete it first`);
    const record = this.#newRecord(key, policy, yaml);
    this.#records.delete(keyText(key));
    this.#records.set(keyText(key), record);
    const found = [...warnings];
    try {
      const { degraded } = this.#require(record);
      found.push(...degraded.filter(({ file }) => file === policy.file));
    } catch (error) {
      record.rejected = true;
      throw error;
    }
    try {
      this.#save(record, 'added');
    } catch (error) {
      this.#records.delete(keyText(key));
      this.#applyAll();
      throw error;
    }
    if (found.length > 0) this.#options.warn?.(`${describeKey(key)}:\n${printed(found, policy.file, yaml)}`);
    return this.#describe(record);
  }

  /**
   * Adds policies of clients of an earlier run, all of them or none, in one switch with those of the files: what an earlier
   * agent left in the kernel goes with the first switch. Throws a PolicyRequestError for the first one that cannot be
   * loaded now.
   */
  restore(stored: readonly StoredPolicy[], files: readonly Policy[]): void {
    const records: MutableRecord[] = [];
    for (const { yaml, domain, enabled, mode } of stored) {
      const { policy } = this.#parse(yaml);
      records.push({ ...this.#newRecord(keyOf(policy, domain), policy, yaml), enabled, chosenMode: mode });
    }
    this.#replaceFiles(files);
    for (const record of records) this.#records.set(keyText(record), record);
    this.#applyAll();
    const failed = records.find(({ errors }) => errors.length > 0);
    if (failed === undefined) return;
    for (const record of records) this.#records.delete(keyText(record));
    this.#applyAll();
    const reasons = printed(failed.errors, failed.policy.file, failed.yaml ?? '');
    throw new PolicyRequestError('refused', `${describeKey(failed)} cannot be loaded:\n${reasons}`);
  }

  /** Unloads and forgets a policy. Throws a PolicyRequestError when there is none, or when a file holds it. */
  remove(key: PolicyKey): void {
    const record = this.#find(key);
    if (record.domain === staticDomain) {
      const message = `${describeKey(key)} comes from ${record.policy.file}; remove it there, or disable it`;
      throw new PolicyRequestError('static', message);
    }
    this.#keep(record, 'deleted', (store) => store.remove(key));
    this.#records.delete(keyText(key));
    if (!record.rejected) this.#applyAll();
  }

  /** Changes what is given and leaves the rest. Throws a PolicyRequestError; nothing is changed then. */
  configure(key: PolicyKey, change: { readonly enabled?: boolean; readonly mode?: PolicyMode }): void {
    const record = this.#find(key);
    if (record.rejected)
      throw new PolicyRequestError('refused', `${describeKey(key)} is not loaded; delete it, or add it again`);
    const before = { enabled: record.enabled, chosenMode: record.chosenMode };
    const after = { enabled: change.enabled ?? before.enabled, chosenMode: change.mode ?? before.chosenMode };
    this.#save({ ...record, ...after }, 'changed');
    Object.assign(record, after);
    try {
      if (record.enabled) this.#require(record);
      else this.#applyAll();
    } catch (error) {
      Object.assign(record, before);
      this.#save(record, 'changed');
      throw error;
    }
  }

  /** In the order they were added; of one domain, or of all without one. */
  list(domain = ''): PolicyRecord[] {
    const records = [...this.#records.values()].filter((record) => domain === '' || record.domain === domain);
    return records.map((record) => this.#describe(record));
  }

  /** Domains that clients may name. */
  domains(): string[] {
    return [
      ...new Set([defaultClientDomain, staticDomain, ...[...this.#records.values()].map(({ domain }) => domain)]),
    ];
  }

  /**
   * The policy of a record as it is given to the kernel: the same object as long as nothing changes, so that its
   * programs stay.
   */
  activePolicy(record: PolicyKey): Policy {
    return this.#active(this.#find(record));
  }

  /** A line of a policy that came from a client; empty when there is none. */
  sourceText(file: string, line: number): string {
    for (const { policy, yaml } of this.#records.values())
      if (policy.file === file) return yaml?.split('\n')[line - 1] ?? '';
    return '';
  }

  #newRecord(key: PolicyKey, policy: Policy, yaml: string | undefined): MutableRecord {
    const id = this.#nextId++;
    return {
      ...key,
      id,
      policy,
      yaml,
      enabled: true,
      chosenMode: undefined,
      errors: [],
      absent: new Map(),
      loaded: false,
      rejected: false,
    };
  }

  #parse(yaml: string): { policy: Policy; warnings: readonly Diagnostic[] } {
    /* The file name is all that tells sources of clients apart in a verifier's log. */
    const file = `policy-${this.#nextId}.yaml`;
    const { policies, diagnostics } = inSpan('policies.parse', () => checkPolicies(yaml, file));
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    if (errors.length > 0) throw new PolicyRequestError('invalid', printed(errors, file, yaml));
    const [policy, second] = policies;
    if (policy === undefined) throw new PolicyRequestError('invalid', 'There is no policy in the text');
    if (second !== undefined)
      throw new PolicyRequestError('invalid', `${policies.length} policies came at once; add them one by one`);
    return { policy, warnings: diagnostics };
  }

  /** Switches to the union, with this record in full, or with as much of it as was taken from its file, or not at all. */
  #require(record: MutableRecord): ApplyResult {
    const required = this.#active(record);
    const extent = record.domain === staticDomain ? 'in part' : 'in full';
    const result = this.#options.agent.setPoliciesWith(this.#union(), required, extent);
    if (!('loaded' in result)) {
      record.errors = result.diagnostics;
      record.absent = result.absent;
      throw new PolicyRequestError('refused', printed(result.diagnostics, record.policy.file, record.yaml ?? ''));
    }
    this.#remember(result);
    return result;
  }

  #applyAll(): ApplyResult {
    const result = this.#options.agent.setPolicies(this.#union());
    this.#remember(result);
    return result;
  }

  #remember(result: ApplyResult): void {
    const errors = new Map(result.refused.map(({ policy, diagnostics }) => [policy, diagnostics]));
    const loaded = new Set(result.loaded);
    for (const record of this.#records.values()) {
      if (record.rejected) continue;
      const policy = this.#active(record);
      record.errors = errors.get(policy) ?? [];
      record.absent = absentOf(policy, result.absent);
      record.loaded = record.enabled && loaded.has(policy);
    }
  }

  #union(): Policy[] {
    const enabled = [...this.#records.values()].filter((record) => record.enabled && !record.rejected);
    return enabled.map((record) => this.#active(record));
  }

  #active(record: MutableRecord): Policy {
    const mode = record.chosenMode ?? this.#options.mode;
    return mode === undefined ? record.policy : withMode(record.policy, mode);
  }

  #describe(record: MutableRecord): PolicyRecord {
    return { ...record, mode: this.#active(record).mode };
  }

  #find(key: PolicyKey): MutableRecord {
    const record = this.#records.get(keyText(key));
    if (record !== undefined) return record;
    const others = [...this.#records.values()].filter(({ name }) => name === key.name);
    const places = others.map(({ domain, namespace }) => `domain "${domain}", namespace "${namespace}"`);
    const hint = places.length === 0 ? '' : `; there is one in ${places.join(' and in ')}`;
    throw new PolicyRequestError('missing', `${describeKey(key)} does not exist${hint}`);
  }

  #save(record: MutableRecord, done: string): void {
    if (record.domain !== staticDomain) this.#keep(record, done, (store) => store.save(this.#describe(record)));
  }

  /** `done` is what the change does to the policy, for the error. */
  #keep(key: PolicyKey, done: string, change: (store: PolicyStore) => void): void {
    const { store } = this.#options;
    if (store === undefined) return;
    try {
      change(store);
    } catch (error) {
      const reason = `that cannot be kept over a restart: ${(error as Error).message}`;
      throw new PolicyRequestError('unkept', `${describeKey(key)} is not ${done}: ${reason}`);
    }
  }
}

function keyOf(policy: Policy, domain: string): PolicyKey {
  return { name: policy.name, namespace: policy.namespace ?? '', domain };
}

function keyText({ name, namespace, domain }: PolicyKey): string {
  return `${domain}/${namespace}/${name}`;
}

function describeKey({ name, namespace, domain }: PolicyKey): string {
  return `The policy "${name}" of ${namespace === '' ? '' : `namespace "${namespace}" and `}domain "${domain}"`;
}

function absentOf({ hooks }: Policy, absent: AbsentHooks): AbsentHooks {
  const own = new Map<HookSpec, 'not-found' | 'refused'>();
  for (const hook of hooks) {
    const reason = absent.get(hook);
    if (reason !== undefined) own.set(hook, reason);
  }
  return own;
}

function printed(diagnostics: readonly Diagnostic[], file: string, text: string): string {
  return printDiagnostics(diagnostics, new Map([[file, text]])).trimEnd();
}

function checkDomain(domain: string): void {
  if (reservedDomains.has(domain)) throw new PolicyRequestError('invalid', `The domain "${domain}" is reserved`);
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(domain) || domain.length > 253)
    throw new PolicyRequestError('invalid', `"${domain}" is no name of a domain: lower-case letters, digits, - and .`);
}

/** Domains that only the agent itself fills. */
const reservedDomains: ReadonlySet<string> = new Set([staticDomain, 'k8s', 'sensors']);
