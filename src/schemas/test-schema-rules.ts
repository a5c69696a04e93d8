import { ecsCategories, ecsTypes } from './ecs-dictionary.ts';
import { isArray, isObject, type Json, type JsonObject, objectAt } from './json.ts';
import { type OcsfObject, ocsfClassDefinitions, ocsfObjects } from './ocsf-dictionary.ts';

/** What is wrong with an OCSF event: unknown or missing attributes, types, captions. */
export function ocsfMistakes(event: JsonObject): string[] {
  const { class_uid: classUid, activity_id: activity, category_uid: category, type_uid: type } = event;
  const definition = ocsfClassDefinitions[Number(classUid)];
  if (definition === undefined) return [`class_uid: ${String(classUid)} is unknown`];
  const caption = definition.activities[Number(activity) - 1];
  const captions = [caption, activity === 99 || activity === 0 ? event['activity_name'] : undefined];
  return [
    ...objectMistakes(event, definition, ''),
    ...(captions.includes(event['activity_name']) ? [] : [`activity_name: not that of ${String(activity)}`]),
    ...(Number(category) === Math.floor(Number(classUid) / 1000) ? [] : ['category_uid: not that of the class']),
    ...(Number(type) === Number(classUid) * 100 + Number(activity) ? [] : ['type_uid: not class and activity']),
  ];
}

function objectMistakes(object: JsonObject, definition: OcsfObject, path: string): string[] {
  const { attributes, required = [], atLeastOne } = definition;
  return [
    ...Object.entries(object).flatMap(([key, value]) => {
      const type = Object.hasOwn(attributes, key) ? attributes[key] : undefined;
      return type === undefined ? [`${path}${key}: no such attribute`] : typeMistakes(value!, type, `${path}${key}`);
    }),
    ...required.filter((key) => object[key] === undefined).map((key) => `${path}${key}: missing`),
    ...(atLeastOne === undefined || atLeastOne.some((key) => object[key] !== undefined)
      ? []
      : [`${path}: none of ${atLeastOne.join(', ')}`]),
  ];
}

function typeMistakes(value: Json, type: string, path: string): string[] {
  if (type.startsWith('[')) {
    if (!isArray(value) || value.length === 0) return [`${path}: no list with something inside`];
    return value.flatMap((item, index) => typeMistakes(item, type.slice(1, -1), `${path}[${index}]`));
  }
  const check = scalars[type];
  if (check !== undefined) return check(value) ? [] : [`${path}: ${JSON.stringify(value)} is not of type ${type}`];
  if (!isObject(value)) return [`${path}: no object`];
  return type === '*' ? [] : objectMistakes(value, ocsfObjects[type]!, `${path}.`);
}

const scalars: Readonly<Record<string, (value: Json) => boolean>> = {
  s: (value) => typeof value === 'string',
  i: (value) => Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 31,
  l: (value) => Number.isSafeInteger(value),
  t: (value) => Number.isSafeInteger(value) && Number(value) > 0,
  d: isTime,
  b: (value) => typeof value === 'boolean',
};

/** What is wrong with an ECS event: unknown fields, types, categories with types they do not have. */
export function ecsMistakes(event: JsonObject): string[] {
  return [...fieldMistakes(event, ''), ...categoryMistakes(objectAt(event, 'event') ?? {})];
}

function fieldMistakes(object: JsonObject, prefix: string): string[] {
  return Object.entries(object).flatMap(([key, value]) => {
    const name = `${prefix}${key}`;
    if (name === 'tetragon') return isObject(value) ? [] : ['tetragon: no object'];
    const type = Object.hasOwn(ecsTypes, name) ? ecsTypes[name] : undefined;
    if (type !== undefined) return hasEcsType(value!, type) ? [] : [`${name}: ${JSON.stringify(value)} is no ${type}`];
    return isObject(value) ? fieldMistakes(value, `${name}.`) : [`${name}: no such field`];
  });
}

function hasEcsType(value: Json, type: string): boolean {
  if (type.endsWith('[]')) return isArray(value) && value.every((item) => hasEcsType(item, type.slice(0, -2)));
  if (type === 'long') return Number.isSafeInteger(value);
  if (type === 'boolean') return typeof value === 'boolean';
  if (type === 'date') return isTime(value);
  if (type === 'ip') return typeof value === 'string' && /^[0-9a-f.:]+$/.test(value);
  return typeof value === 'string';
}

function isTime(value: Json): boolean {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(value) && !Number.isNaN(Date.parse(value));
}

function categoryMistakes({ kind, category, type }: JsonObject): string[] {
  if (kind === 'pipeline_error' || category === undefined) return [];
  const names = category as readonly string[];
  const allowed = names.flatMap((name) => ecsCategories[name]?.split(' ') ?? []);
  return [
    ...names.filter((name) => ecsCategories[name] === undefined).map((name) => `event.category: ${name} is unknown`),
    ...(type as readonly string[])
      .filter((word) => !allowed.includes(word))
      .map((word) => `event.type: ${word} does not go with ${names.join(', ')}`),
  ];
}

/**
 * Paths of values of `event` that are not in `mapped`: neither as they are nor as text or as a number, nor as part of a
 * text such as a command line.
 */
export function lostValues(event: JsonObject, mapped: JsonObject): string[] {
  const found = new Set<string>();
  const texts: string[] = [];
  for (const [, value] of leaves(mapped, '')) {
    found.add(String(value));
    if (typeof value === 'string') texts.push(value);
  }
  return [...leaves(event, '')]
    .filter(([, value]) => !found.has(String(value)) && !(typeof value === 'string' && isWithin(value, texts)))
    .map(([path, value]) => `${path}: ${JSON.stringify(value)}`);
}

function isWithin(value: string, texts: readonly string[]): boolean {
  return texts.some((text) => text.endsWith(` ${value}`) || (value.length > 2 && text.includes(value)));
}

function* leaves(value: Json | undefined, path: string): Generator<[string, Json]> {
  if (isArray(value)) for (const [index, item] of value.entries()) yield* leaves(item, `${path}[${index}]`);
  else if (isObject(value)) for (const [key, member] of Object.entries(value)) yield* leaves(member, `${path}.${key}`);
  else if (value !== undefined && value !== '') yield [path, value];
}
