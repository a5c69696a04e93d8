import { join } from 'node:path';
import protobuf from 'protobufjs';

/** Folder of our proto files; imports in them are relative to it. */
export const apiFolder: string = join(import.meta.dirname, '../../api');

/** The files of Tetragon's API. */
export const tetragonFiles: readonly string[] = ['tetragon/sensors.proto', 'tetragon/eventlogservice.proto'];

/** The files of everything that a server serves. */
export const servedFiles: readonly string[] = [
  ...tetragonFiles,
  'grpc/health/v1/health.proto',
  'grpc/reflection/v1/reflection.proto',
  'grpc/reflection/v1alpha/reflection.proto',
];

/** Reads the definition of the API. Names stay as they are written in the files. Throws when a file is damaged. */
export function loadApi(files: readonly string[]): protobuf.Root {
  const root = new protobuf.Root();
  /* Files of google/protobuf are part of the library. */
  root.resolvePath = (_origin, target) => (target.startsWith('google/protobuf/') ? target : join(apiFolder, target));
  root.loadSync([...files], { keepCase: true });
  root.resolveAll();
  return root;
}
