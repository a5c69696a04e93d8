import type protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';

/** The API as files of descriptors, one for each package. */
export interface DescribedFiles {
  /** Encoded FileDescriptorProto of a file and of those it imports; empty when there is no such file. */
  withImports(name: string): Uint8Array[];
  /** Name of the file that defines a message, an enum, a service or a member of one. */
  fileOfSymbol(symbol: string): string | undefined;
}

/** Parts of `google.protobuf.FileDescriptorProto` that are read and completed here. */
interface FileDescriptor {
  readonly name: string;
  readonly package?: string;
  dependency?: string[];
  readonly messageType?: MessageDescriptor[];
  readonly service?: ServiceDescriptor[];
}

interface MessageDescriptor {
  name: string;
  readonly field?: { typeName?: string }[];
  readonly nestedType?: MessageDescriptor[];
  readonly options?: { readonly mapEntry?: boolean };
}

interface ServiceDescriptor {
  readonly method?: { inputType?: string; outputType?: string }[];
}

/** Describes everything below `root`. The library writes neither imports nor full names; both are added. */
export function describeFiles(root: protobuf.Root): DescribedFiles {
  const files = root.toDescriptor('proto3').file as unknown as FileDescriptor[];
  const byPackage = new Map(files.map((file) => [file.package ?? '', file]));
  for (const file of files) completeFile(file, root, byPackage);
  const byName = new Map(files.map((file) => [file.name, file]));
  const encode = (name: string): Uint8Array => descriptor.FileDescriptorProto.encode(byName.get(name)!).finish();
  return {
    withImports: (name) => {
      const file = byName.get(name);
      return file === undefined ? [] : [name, ...(file.dependency ?? [])].map(encode);
    },
    fileOfSymbol: (symbol) => {
      const found = root.lookup(symbol) ?? memberOwner(root, symbol);
      return found === null ? undefined : byPackage.get(packageOf(found, byPackage))?.name;
    },
  };
}

/** The message or service of `tetragon.FineGuidanceSensors.GetEvents` and the like. */
function memberOwner(root: protobuf.Root, symbol: string): protobuf.ReflectionObject | null {
  const owner = root.lookup(symbol.slice(0, Math.max(symbol.lastIndexOf('.'), 0)));
  const member = symbol.slice(symbol.lastIndexOf('.') + 1);
  const members = { ...(owner as Partial<protobuf.Type>)?.fields, ...(owner as Partial<protobuf.Service>)?.methods };
  return Object.hasOwn(members, member) ? owner : null;
}

function packageOf(found: protobuf.ReflectionObject, packages: ReadonlyMap<string, FileDescriptor>): string {
  let name = found.fullName.slice(1);
  while (name !== '' && !packages.has(name)) name = name.slice(0, Math.max(name.lastIndexOf('.'), 0));
  return name;
}

function completeFile(file: FileDescriptor, root: protobuf.Root, packages: ReadonlyMap<string, FileDescriptor>): void {
  const imports = new Set<string>();
  const qualify = (scope: string, name: string): string => {
    const found = (root.lookup(scope) as protobuf.NamespaceBase).lookup(name);
    if (found === null) throw new Error(`${name} is not defined in ${scope}`);
    const home = packages.get(packageOf(found, packages))!;
    if (home !== file) imports.add(home.name);
    return found.fullName;
  };
  const scope = file.package ?? '';
  for (const message of file.messageType ?? []) completeMessage(message, `${scope}.${message.name}`, qualify);
  for (const { method = [] } of file.service ?? []) {
    for (const one of method) {
      one.inputType = qualify(scope, one.inputType!);
      one.outputType = qualify(scope, one.outputType!);
    }
  }
  file.dependency = [...imports];
}

type Qualify = (scope: string, name: string) => string;

function completeMessage(message: MessageDescriptor, scope: string, qualify: Qualify): void {
  const entries = new Set(message.nestedType?.filter((inner) => inner.options?.mapEntry).map(({ name }) => name));
  for (const field of message.field ?? []) {
    const { typeName = '' } = field;
    if (typeName === '') continue;
    field.typeName = entries.has(typeName) ? `.${scope}.${entryName(typeName)}` : qualify(scope, typeName);
  }
  for (const inner of message.nestedType ?? []) {
    if (entries.has(inner.name)) {
      /* Types in an entry are looked up where the map is: the entry exists in descriptors only. */
      completeMessage(inner, scope, qualify);
      inner.name = entryName(inner.name);
    } else completeMessage(inner, `${scope}.${inner.name}`, qualify);
  }
}

/** `PodLabelsEntry`: the name that every compiler gives to the entries of a map `pod_labels`. */
function entryName(field: string): string {
  const words = field.split('_').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `${words.join('')}Entry`;
}
