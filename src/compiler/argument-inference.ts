import type { ConcreteType } from '../policy/argument-types.ts';
import type { TypeFact } from './kernel-facts.ts';

const structTypes: Readonly<Record<string, ConcreteType>> = {
  'struct file *': 'file',
  'struct path *': 'path',
  'struct dentry *': 'dentry',
  'struct linux_binprm *': 'linux_binprm',
  'struct filename *': 'filename',
  'struct sock *': 'sock',
  'struct socket *': 'socket',
  'struct sockaddr *': 'sockaddr',
  'struct sockaddr_unsized *': 'sockaddr',
  'struct cred *': 'cred',
  'struct user_namespace *': 'user_namespace',
  'char *': 'string',
};

/** The argument type that stands for a C type: what `auto` becomes. */
export function inferType(fact: TypeFact): ConcreteType {
  const known = structTypes[fact.type];
  if (known !== undefined) return known;
  switch (fact.size) {
    case 1:
      return fact.signed ? 'sint8' : 'uint8';
    case 2:
      return fact.signed ? 'sint16' : 'uint16';
    case 4:
      return fact.signed ? 'sint32' : 'uint32';
    default:
      return fact.signed ? 'sint64' : 'uint64';
  }
}

/**
 * True when reading a parameter of the C type `fact` as `type` cannot give what the policy expects: it names another
 * kernel structure, or a structure where there is a number.
 */
export function contradicts(type: ConcreteType, fact: TypeFact): boolean {
  const inferred = inferType(fact);
  if (inferred === type) return false;
  const isStruct = (candidate: ConcreteType) =>
    Object.values(structTypes).includes(candidate) && candidate !== 'string';
  if (!isStruct(type)) return false;
  if (isStruct(inferred)) return true;
  /* A pointer to a structure unknown here, or a plain pointer, may be anything. */
  return !fact.type.endsWith('*') && fact.size < 8;
}
