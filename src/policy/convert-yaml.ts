import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { Report } from './finding.ts';
import type { Position } from './model.ts';
import type { DocumentSubject, SourceEntry, SourceMap, SourceNode, SourceScalar } from './source.ts';

/** Nodes of one document after its aliases are expanded: an alias of aliases grows without end otherwise. */
const maxNodes = 500_000;

/**
 * Turns one parsed YAML document into plain nodes with positions, with aliases expanded and `<<` merged.
 * Returns undefined, with the reason reported, when it is not a map or expands without bound.
 */
export function convertDocument(
  document: Document.Parsed,
  lines: LineCounter,
  report: Report,
  subject: DocumentSubject,
): SourceMap | undefined {
  const conversion: Conversion = {
    document,
    lines,
    report,
    open: new Set(),
    anchors: new Map(),
    anchored: new Set(),
    nodes: 0,
    gaveUp: false,
    isBroken: false,
  };
  const root = convert(conversion, document.contents as Node | null);
  if (conversion.gaveUp || conversion.isBroken) return undefined;
  if (root.kind === 'map') return root;
  const found = root.kind === 'list' ? 'a list' : 'a single value';
  report.error(root.position, 'not-a-map', `A ${subject.name} is a map, this document is ${found}`, subject.hint);
  return undefined;
}

interface Conversion {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  readonly report: Report;
  /** Nodes being converted: meeting one again means that an alias contains itself. */
  readonly open: Set<Node>;
  /** The library's own lookup walks the document for each alias. */
  readonly anchors: Map<string, Node>;
  /** Nodes already in `anchors`: expanding an alias must not bring back an anchor that was redefined since. */
  readonly anchored: Set<Node>;
  nodes: number;
  /** Nothing more is converted. */
  gaveUp: boolean;
  /** A value is missing: what follows from that is not worth reporting. */
  isBroken: boolean;
}

function convert(conversion: Conversion, node: Node | null): SourceNode {
  const position = positionOfNode(conversion, node);
  if (conversion.gaveUp || node === null) return nothing(position);
  conversion.nodes++;
  if (conversion.nodes > maxNodes) {
    return giveUp(conversion, position, `The document has more than ${maxNodes} values once its aliases are expanded`);
  }
  if (isAlias(node)) return convertAlias(conversion, node, position);
  rememberAnchor(conversion, node as Scalar | YAMLMap | YAMLSeq);
  if (isScalar(node)) return convertScalar(conversion, node, position);
  if (conversion.open.has(node)) {
    return giveUp(conversion, position, 'The document contains itself through an alias');
  }
  conversion.open.add(node);
  const converted = convertCollection(conversion, node, position);
  conversion.open.delete(node);
  return converted;
}

function rememberAnchor(conversion: Conversion, node: Scalar | YAMLMap | YAMLSeq): void {
  if (node.anchor === undefined || conversion.anchored.has(node)) return;
  conversion.anchored.add(node);
  conversion.anchors.set(node.anchor, node);
}

function convertAlias(conversion: Conversion, node: Alias, position: Position): SourceNode {
  const target = conversion.anchors.get(node.source);
  if (target !== undefined) return convert(conversion, target);
  conversion.isBroken = true;
  conversion.report.error(position, 'unknown-alias', `There is no anchor "&${node.source}" before this alias`);
  return nothing(position);
}

function convertScalar(conversion: Conversion, node: Scalar, position: Position): SourceScalar {
  const { value } = node;
  const plain = node.type === 'PLAIN' || node.type === undefined;
  const text = plain ? (node.source ?? String(value)) : String(value);
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return { kind: 'scalar', value, text, plain, position };
  }
  if (typeof value === 'bigint') return { kind: 'scalar', value: Number(value), text, plain, position };
  const hint = 'Policies use plain YAML values without tags.';
  conversion.report.error(position, 'yaml-tag', `A value of YAML type "${node.tag}" has no meaning here`, hint);
  return nothing(position);
}

function convertCollection(conversion: Conversion, node: Node, position: Position): SourceNode {
  if (isSeq(node)) {
    const items = node.items.map((item) => convert(conversion, item as Node | null));
    return { kind: 'list', items, position };
  }
  if (isMap(node)) return { kind: 'map', entries: convertEntries(conversion, node), position };
  return nothing(position);
}

function convertEntries(conversion: Conversion, map: YAMLMap): SourceEntry[] {
  const entries = new Map<string, SourceEntry>();
  const merged: SourceEntry[] = [];
  for (const pair of map.items) {
    const keyNode = pair.key as Node | null;
    const keyPosition = positionOfNode(conversion, keyNode);
    if (!isScalar(keyNode) || keyNode.value === null) {
      conversion.report.error(keyPosition, 'bad-key', 'The key of a map must be a word', 'Write "name: value".');
      continue;
    }
    const key = convertScalar(conversion, keyNode, keyPosition).text;
    const value = convert(conversion, pair.value as Node | null);
    if (key === '<<') {
      merged.push(...mergedEntries(conversion, value));
      continue;
    }
    const first = entries.get(key);
    if (first !== undefined) reportDuplicate(conversion, first, key, keyPosition);
    else entries.set(key, { key, keyPosition, value: atKey(value, keyPosition) });
  }
  for (const entry of merged) if (!entries.has(entry.key)) entries.set(entry.key, entry);
  return [...entries.values()];
}

function reportDuplicate(conversion: Conversion, first: SourceEntry, key: string, position: Position): void {
  const message = `The key ${JSON.stringify(key)} appears twice in this map; it is on line ${first.keyPosition.line} already`;
  conversion.report.error(position, 'duplicate-key', message, 'Keep one of the two.');
}

/** An absent value (`selectors:` and nothing more) has no place of its own: its key stands for it. */
function atKey(value: SourceNode, keyPosition: Position): SourceNode {
  return value.kind === 'scalar' && value.value === null ? { ...value, position: keyPosition } : value;
}

/** Keys written in the map win over merged ones, earlier merged maps over later ones. */
function mergedEntries(conversion: Conversion, value: SourceNode): SourceEntry[] {
  const sources = value.kind === 'list' ? value.items : [value];
  return sources.flatMap((source) => {
    if (source.kind === 'map') return source.entries;
    conversion.report.error(
      source.position,
      'bad-merge',
      '"<<" merges maps, this is not one',
      'Give it an alias of a map.',
    );
    return [];
  });
}

function giveUp(conversion: Conversion, position: Position, message: string): SourceScalar {
  conversion.gaveUp = true;
  conversion.report.error(position, 'yaml-alias', message, 'Write the repeated part out.');
  return nothing(position);
}

function nothing(position: Position): SourceScalar {
  return { kind: 'scalar', value: null, text: '', plain: true, position };
}

function positionOfNode(conversion: Conversion, node: Node | null): Position {
  const offset = node?.range?.[0] ?? conversion.document.range[0];
  const { line, col } = conversion.lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}
