/** The fields of a filter as a tree of names; a node without children stands for the field with all that is in it. */
export interface FieldTree {
  /** The name as it stands in JSON, without quotes. */
  readonly name: Buffer;
  readonly children: FieldTree[];
}

/** Joins paths such as `['process', 'pod', 'name']`; a longer path below a whole field adds nothing. */
export function fieldTree(paths: readonly (readonly string[])[]): FieldTree {
  const root: FieldTree = { name: Buffer.alloc(0), children: [] };
  const whole = new Set<FieldTree>();
  for (const path of paths) {
    let node = root;
    for (const part of path) {
      if (whole.has(node)) break;
      node = childNamed(node, part);
    }
    whole.add(node);
    node.children.length = 0;
  }
  return root;
}

/** The child whose name is `bytes[start .. end]`. */
export function findChild({ children }: FieldTree, bytes: Buffer, start: number, end: number): FieldTree | undefined {
  for (const child of children) {
    if (isName(child.name, bytes, start, end)) return child;
  }
  return undefined;
}

function isName(name: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let index = 0; index < name.length; index++) {
    if (name[index] !== bytes[start + index]) return false;
  }
  return true;
}

function childNamed(parent: FieldTree, name: string): FieldTree {
  const bytes = Buffer.from(name);
  const known = findChild(parent, bytes, 0, bytes.length);
  if (known !== undefined) return known;
  const child: FieldTree = { name: bytes, children: [] };
  parent.children.push(child);
  return child;
}
