/**
 * A YAML document as plain nodes that know where they stand. Aliases are expanded, so the later stages see a tree.
 */
import type { Position, SourceText } from './model.ts';

export type SourceNode = SourceMap | SourceList | SourceScalar;

export interface SourceMap {
  readonly kind: 'map';
  readonly entries: readonly SourceEntry[];
  readonly position: Position;
}

export interface SourceEntry {
  readonly key: string;
  readonly keyPosition: Position;
  readonly value: SourceNode;
}

export interface SourceList {
  readonly kind: 'list';
  readonly items: readonly SourceNode[];
  readonly position: Position;
}

export interface SourceScalar {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As written for a plain scalar (`0755`, `0x10`), unescaped for a quoted one. */
  readonly text: string;
  /** False when quoted or a block scalar: then it is a string whatever it looks like. */
  readonly plain: boolean;
  readonly position: Position;
}

/** What the documents of a file are, for messages. */
export interface DocumentSubject {
  /** `policy` */
  readonly name: string;
  /** How one begins. */
  readonly hint: string;
}

/** One document of a file. */
export interface SourceDocument {
  readonly file: string;
  readonly root: SourceMap;
  /** True when parsing already reported an error inside it: checked further, but never a policy. */
  readonly hasErrors: boolean;
}

/** A value and where it was written. */
export interface Located<Value> {
  readonly value: Value;
  readonly position: Position;
}

/*
 * Readers used after the schema stage. They return nothing for a value of another type: that was reported already.
 */

export function entryOf(map: SourceMap, key: string): SourceEntry | undefined {
  return map.entries.find((entry) => entry.key === key);
}

export function childOf(map: SourceMap, key: string): SourceNode | undefined {
  return entryOf(map, key)?.value;
}

/** Where the value of `key` stands, or the map itself when it is absent. */
export function positionOf(map: SourceMap, key: string): Position {
  return childOf(map, key)?.position ?? map.position;
}

/** Where `key` itself is written, or the map when it is absent. */
export function keyPositionOf(map: SourceMap, key: string): Position {
  return entryOf(map, key)?.keyPosition ?? map.position;
}

export function mapOf(map: SourceMap, key: string): SourceMap | undefined {
  const node = childOf(map, key);
  return node?.kind === 'map' ? node : undefined;
}

/** The maps of a list; items of other types are left out. */
export function mapsOf(map: SourceMap, key: string): SourceMap[] {
  return itemsOf(map, key).filter((node) => node.kind === 'map');
}

export function itemsOf(map: SourceMap, key: string): readonly SourceNode[] {
  const node = childOf(map, key);
  return node?.kind === 'list' ? node.items : [];
}

/** True for `key: []`; a missing key or another type is the schema's business. */
export function isEmptyList(map: SourceMap, key: string): boolean {
  const node = childOf(map, key);
  return node?.kind === 'list' && node.items.length === 0;
}

export function textOf(map: SourceMap, key: string): SourceText | undefined {
  return scalarText(childOf(map, key));
}

export function textsOf(map: SourceMap, key: string): SourceText[] {
  return itemsOf(map, key)
    .map(scalarText)
    .filter((text) => text !== undefined);
}

export function integerOf(map: SourceMap, key: string): Located<number> | undefined {
  return scalarInteger(childOf(map, key));
}

export function integersOf(map: SourceMap, key: string): Located<number>[] {
  return itemsOf(map, key)
    .map(scalarInteger)
    .filter((integer) => integer !== undefined);
}

export function flagOf(map: SourceMap, key: string, fallback: boolean): boolean {
  const node = childOf(map, key);
  return node?.kind === 'scalar' && typeof node.value === 'boolean' ? node.value : fallback;
}

function scalarText(node: SourceNode | undefined): SourceText | undefined {
  if (node?.kind !== 'scalar' || typeof node.value !== 'string') return undefined;
  return { text: node.value, position: node.position };
}

function scalarInteger(node: SourceNode | undefined): Located<number> | undefined {
  if (node?.kind !== 'scalar' || typeof node.value !== 'number') return undefined;
  return { value: node.value, position: node.position };
}
