import { join } from 'node:path';
import protobuf from 'protobufjs';

/** Folder of our proto files; imports in them are relative to it. */
export const apiFolder: string = join(import.meta.dirname, '../../api');

const serviceFiles = ['tetragon/sensors.proto', 'tetragon/eventlogservice.proto'];

/** Reads the definition of the API. Names stay as they are written in the files. Throws when a file is damaged. */
export function loadApi(files: readonly string[] = serviceFiles): protobuf.Root {
  const root = new protobuf.Root();
  /* Files of google/protobuf are part of the library. */
  root.resolvePath = (_origin, target) => (target.startsWith('google/protobuf/') ? target : join(apiFolder, target));
  root.loadSync([...files], { keepCase: true });
  root.resolveAll();
  return root;
}
