/** An expression with other calls in it, and what it names. */
export interface CelSource {
  /** To be run: `matches()` and `has()` are ours. */
  readonly run: string;
  /** To be checked: the same, but that a field in `has()` must exist. */
  readonly checked: string;
  /** Identifiers, variables among them. */
  readonly names: ReadonlySet<string>;
  /** Regular expressions that stand in it as constants. */
  readonly patterns: readonly string[];
}

/** A node of the library's tree; positions are those of the text it was read from. */
export interface CelNode {
  readonly op: string;
  readonly args: unknown;
  readonly start: number;
  readonly end: number;
  /** Of the field's name in an access. */
  readonly pos: number;
}

/** What `text.matches(pattern)` becomes: in RE2's syntax, in linear time. */
export const linearMatches = 'matchesInLinearTime';
/** What `has(message.field)` becomes: `message.isSet("field")`. */
export const presenceTest = 'isSet';

/**
 * Replaces the calls that mean something else in the library: its `matches()` is V8's, and its `has()` takes a field for
 * present that has its default, and no access to an element on the way. The text is changed in place, because printing
 * the tree loses parentheses.
 */
export function replaceCalls(ast: CelNode, text: string): CelSource {
  const edits: Edit[] = [];
  const names = new Set<string>();
  const patterns: string[] = [];
  visit(ast, (node) => {
    if (node.op === 'id') names.add(node.args as string);
    else if (node.op === 'rcall') editMatches(node, text, edits, patterns);
    else if (node.op === 'call') editCall(node, text, edits, patterns);
  });
  edits.sort((one, other) => one.start - other.start);
  return {
    run: edited(text, edits, ({ run }) => run),
    checked: edited(text, edits, ({ checked, run }) => checked ?? run),
    names,
    patterns,
  };
}

/** Replaces `text[start .. end]`. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly run: string;
  readonly checked?: string;
}

/** `receiver.matches(pattern)` */
function editMatches({ args }: CelNode, text: string, edits: Edit[], patterns: string[]): void {
  const [name, receiver, parameters] = args as [string, CelNode, CelNode[]];
  if (name !== 'matches') return;
  notePattern(parameters[0], patterns);
  const toName = methodName.exec(text.slice(receiver.end))!;
  const end = receiver.end + toName[0].length;
  edits.push({ start: end - name.length, end, run: linearMatches });
}

/** `has(message.field)` and `matches(text, pattern)` */
function editCall({ args, start, end }: CelNode, text: string, edits: Edit[], patterns: string[]): void {
  const [name, parameters] = args as [string, CelNode[]];
  if (name === 'matches') notePattern(parameters[1], patterns);
  const [access] = parameters;
  if (name !== 'has' || parameters.length !== 1 || access?.op !== '.') return;
  const field = (access.args as [CelNode, string])[1];
  const closing = text.slice(access.pos + field.length, end).replaceAll(blanks, '').length;
  /* The access itself may stand in parentheses. */
  const opening = new RegExp(`^has(?:${blank}\\(){${closing}}`).exec(text.slice(start))!;
  const dot = lastDot.exec(text.slice(0, access.pos))!;
  edits.push({ start, end: start + opening[0].length, run: '(', checked: '(type(' });
  edits.push({ start: dot.index, end, run: `).${presenceTest}("${field}")`, checked: `.${field}) == type(true))` });
}

function notePattern(node: CelNode | undefined, patterns: string[]): void {
  if (node?.op === 'value' && typeof node.args === 'string') patterns.push(node.args);
}

function edited(text: string, edits: readonly Edit[], replacementOf: (edit: Edit) => string): string {
  let result = '';
  let position = 0;
  for (const edit of edits) {
    result += text.slice(position, edit.start) + replacementOf(edit);
    position = edit.end;
  }
  return result + text.slice(position);
}

function visit(node: unknown, action: (node: CelNode) => void): void {
  if (Array.isArray(node)) {
    for (const element of node) visit(element, action);
  } else if (typeof node === 'object' && node !== null && 'op' in node && 'args' in node) {
    action(node as CelNode);
    visit(node.args, action);
  }
}

const blank = '(?:\\s|//[^\\n]*(?:\\n|$))*';
/** From the end of the receiver, which may stand in parentheses, up to the name of the method. */
const methodName = new RegExp(`^(?:${blank}\\))*${blank}\\.${blank}matches`);
const blanks = new RegExp(blank, 'g');
const lastDot = new RegExp(`\\.${blank}$`);
