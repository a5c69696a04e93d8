import { UsageError } from './errors.ts';

/** Whether `--output` asks for JSON. Throws a UsageError for what is neither `text` nor `json`. */
export function asksForJson(output: string): boolean {
  if (output !== 'text' && output !== 'json') throw new UsageError(`--output "${output}" is not one of text, json`);
  return output === 'json';
}
