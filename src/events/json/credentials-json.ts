import { capabilitySetNames, secureBitNames } from '../names.ts';
import type { Credentials, WordPair } from '../processes/process.ts';
import type { UserNamespace } from '../values.ts';
import type { JsonWriter } from './json-writer.ts';

/** Writes Tetragon's `Capabilities` message: the sets that are not empty. */
export function writeCapabilities(writer: JsonWriter, credentials: Credentials): void {
  writer.byte(0x7b); // {
  const start = writer.length;
  writeCapabilitySet(writer, 'permitted', credentials.permitted, start);
  writeCapabilitySet(writer, 'effective', credentials.effective, start);
  writeCapabilitySet(writer, 'inheritable', credentials.inheritable, start);
  writer.byte(0x7d); // }
}

/** Writes Tetragon's `ProcessCredentials` message in full, as the `cred` argument type has it. */
export function writeCredentialsArgument(writer: JsonWriter, credentials: Credentials): void {
  const { uid, gid, euid, egid, suid, sgid, fsuid, fsgid } = credentials;
  writer.ascii(`{"uid":${uid},"gid":${gid},"euid":${euid},"egid":${egid},"suid":${suid},"sgid":${sgid}`);
  writer.ascii(`,"fsuid":${fsuid},"fsgid":${fsgid}`);
  const securebits = secureBitNames(credentials.securebits);
  if (securebits.length > 0) writer.ascii(`,"securebits":${JSON.stringify(securebits)}`);
  writer.ascii(',"caps":');
  writeCapabilities(writer, credentials);
  writer.ascii(',"user_ns":');
  const { userNamespaceLevel, userNamespaceOwner, userNamespaceGroup, userNamespaceInum } = credentials;
  writeUserNamespace(writer, {
    level: userNamespaceLevel,
    owner: userNamespaceOwner,
    group: userNamespaceGroup,
    inum: userNamespaceInum,
  });
  writer.ascii('}');
}

/** Writes Tetragon's `UserNamespace` message. */
export function writeUserNamespace(writer: JsonWriter, { level, owner, group, inum }: UserNamespace): void {
  writer.ascii(`{"level":${level},"uid":${owner},"gid":${group},"ns":{`);
  const members = [...(inum === 0 ? [] : [`"inum":${inum}`]), ...(level === 0 ? ['"is_host":true'] : [])];
  writer.ascii(`${members.join(',')}}}`);
}

function writeCapabilitySet(writer: JsonWriter, name: string, set: WordPair, start: number): void {
  if (set.low === 0 && set.high === 0) return;
  if (writer.length > start) writer.byte(0x2c); // ,
  writer.ascii(`"${name}":${JSON.stringify(capabilitySetNames(set.low, set.high))}`);
}
