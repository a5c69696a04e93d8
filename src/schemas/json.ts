export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}
/** An object under construction. */
export type JsonBuilder = { [key: string]: Json | undefined };

/** Sets a member whose name comes from an event: `__proto__` too is a member like any other. */
export function setMember(target: JsonBuilder, key: string, value: Json | undefined): void {
  if (key !== '__proto__') target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Adds a member under the first free name: the line and the event in it may both have one that is unknown. */
export function addMember(target: JsonBuilder, key: string, value: Json | undefined): void {
  while (Object.hasOwn(target, key)) key += '_';
  setMember(target, key, value);
}

/** The members that have a value. */
export function present(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  const object: JsonBuilder = {};
  for (const key in members) if (members[key] !== undefined) object[key] = members[key];
  return object;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function objectAt(parent: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = parent?.[key];
  return isObject(value) ? value : undefined;
}

export function textAt(parent: JsonObject | undefined, key: string): string | undefined {
  const value = parent?.[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The objects of a list; empty when there is no list. */
export function objectsAt(parent: JsonObject | undefined, key: string): readonly JsonObject[] {
  const value = parent?.[key];
  return isArray(value) ? value.filter(isObject) : [];
}

/** The value at a path; undefined where something on the way is missing or no object. */
export function valueAt(source: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = source;
  for (let index = 0; index < path.length; index++) {
    if (!isObject(value)) return undefined;
    value = value[path[index]!];
  }
  return value;
}

/** Sets the value at a path, making the objects on the way. */
export function setValue(target: JsonBuilder, path: readonly string[], value: Json): void {
  let parent = target;
  const last = path.length - 1;
  for (let index = 0; index < last; index++) {
    const key = path[index]!;
    let child = parent[key];
    if (!isObject(child)) {
      child = {};
      parent[key] = child;
    }
    parent = child as JsonBuilder;
  }
  parent[path[last]!] = value;
}

export function isEmpty(object: JsonObject): boolean {
  for (const _ in object) return false;
  return true;
}
