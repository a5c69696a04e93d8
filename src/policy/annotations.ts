import { type PolicyAnnotations, type SourceText, severities } from './model.ts';
import { mapOf, type SourceMap, textOf } from './source.ts';

/** Annotations that mean something here have this prefix; others belong to somebody else. */
export const ownPrefix = 'jatai.io/';

/** `metadata.annotations` that go into the events of a policy. */
export const annotationKeys = ['jatai.io/severity', 'jatai.io/mitre-attack'] as const;

export type AnnotationKey = (typeof annotationKeys)[number];

/** The annotations of a policy in which no rule found a mistake. */
export function readAnnotations(metadata: SourceMap): PolicyAnnotations {
  const annotations = mapOf(metadata, 'annotations');
  const text = (key: AnnotationKey): SourceText | undefined => annotations && textOf(annotations, key);
  const techniques = text('jatai.io/mitre-attack')?.text ?? '';
  return {
    severity: severities.find((severity) => severity === text('jatai.io/severity')?.text),
    mitreTechniques: [...new Set(splitTechniques(techniques))],
  };
}

/** The ids of a list with commas, blanks around them left out. */
export function splitTechniques(text: string): string[] {
  return text
    .split(',')
    .map((id) => id.trim())
    .filter((id) => id !== '');
}
