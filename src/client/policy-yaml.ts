import { isMap, isScalar, isSeq, parseAllDocuments, parseDocument, type YAMLMap } from 'yaml';
import type { PolicyMode } from '../policy/model.ts';

/** The documents of a file that hold something, each as a text of its own. For files without errors. */
export function splitDocuments(text: string): string[] {
  const documents = parseAllDocuments(text);
  if (!Array.isArray(documents)) return [];
  const filled = documents.filter(
    ({ contents }) => contents !== null && !(isScalar(contents) && contents.value === null),
  );
  return filled.map(({ range }) => text.slice(range[0], range[2]));
}

/** The same policy with the option `policy-mode` set to `mode`. For a policy without errors. */
export function withPolicyMode(yaml: string, mode: PolicyMode): string {
  const document = parseDocument(yaml);
  const options = document.getIn(['spec', 'options']);
  if (!isSeq(options)) {
    document.setIn(['spec', 'options'], [{ name: 'policy-mode', value: mode }]);
    return String(document);
  }
  const known = options.items.find((item): item is YAMLMap => isMap(item) && item.get('name') === 'policy-mode');
  if (known === undefined) options.add(document.createNode({ name: 'policy-mode', value: mode }));
  else known.set('value', mode);
  return String(document);
}
