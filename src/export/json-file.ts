import { BufferedOutput, type OutputOptions } from './buffered-output.ts';
import { JsonSink, type JsonSinkOptions } from './json-sink.ts';
import { RotatingFile, type RotatingFileOptions } from './rotating-file.ts';

export interface JsonFileOptions {
  readonly file?: RotatingFileOptions;
  readonly output?: OutputOptions;
  readonly sink?: JsonSinkOptions;
}

/**
 * Appends events as JSON lines to a file that only its owner can read, unless `file.mode` says otherwise. Rejects with
 * the system's error when the file cannot be opened.
 */
export async function openJsonFile(path: string, options: JsonFileOptions = {}): Promise<JsonSink<BufferedOutput>> {
  const file = await RotatingFile.open(path, options.file);
  return new JsonSink(new BufferedOutput(file, options.output), options.sink);
}
