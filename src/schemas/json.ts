export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}
/** An object under construction; has no prototype, so that any name in an event is an ordinary member. */
export type JsonBuilder = { [key: string]: Json | undefined };

export function newObject(): JsonBuilder {
  return { __proto__: null } as unknown as JsonBuilder;
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
  for (const key of path) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
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
      child = newObject();
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
