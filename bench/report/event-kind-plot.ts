import type { Row, RowResult } from '../row.ts';
import { oneHookId } from '../rows/policy-curve.ts';
import { logScale, powersOfTen, svgBar, svgDocument, svgGridLine, svgText } from './svg.ts';

/** Rows of the plot, with the words for them. */
const kinds: readonly (readonly [id: string, words: string])[] = [
  ['refused.sys-enter', 'any system call, number refused'],
  ['refused.openat-int', 'openat, int refused'],
  ['refused.openat-string', 'openat, string refused'],
  ['refused.read', 'read, file and int refused'],
  ['refused.binary', 'open, binary refused'],
  ['refused.equal.1', 'open, Equal path refused'],
  [oneHookId(1), 'open, Prefix path refused'],
  ['events.kernel-part', 'open, matched and posted'],
  ['processes.exec', 'fork+exec+exit'],
  ['events.agent-part', 'agent: one event to a JSON line'],
];

const width = 820;
const rowHeight = 42;
const barHeight = 13;
const plot = { left: 240, right: 720, top: 96 };
const range = [100, 1_000_000] as const;
const scale = logScale(...range, plot.left, plot.right);

/** Cost of each kind of event, jatai beside Tetragon. */
export function eventKindPlot(rows: readonly Row[], results: readonly RowResult[], kernel: string): string {
  const bars = barsOf(rows, results);
  const title = 'What watching adds, by kind of event';
  const bottom = plot.top + bars.length * rowHeight;
  const description = bars
    .map(({ words, jatai, tetragon }) => `${words}: jatai ${Math.round(jatai)}, Tetragon ${tetragon}`)
    .join('; ');
  return svgDocument(width, bottom + 40, title, description, [
    svgText(24, 32, title, 'title'),
    svgText(24, 52, `instructions, logarithmic; Debian ${kernel}, one CPU that counts instructions`, 'note'),
    svgBar(24, 64, 14, barHeight, 'jatai', 'jatai'),
    svgText(44, 75, 'jatai'),
    svgBar(100, 64, 14, barHeight, 'tetragon', 'Tetragon'),
    svgText(120, 75, 'Tetragon'),
    ...powersOfTen(...range).flatMap((value) => [
      svgGridLine(scale(value), plot.top - 6, scale(value), bottom),
      svgText(scale(value), bottom + 20, value.toLocaleString('en-US'), 'tick', 'middle'),
    ]),
    ...bars.flatMap((bar, at) => barPair(bar, plot.top + at * rowHeight)),
  ]);
}

interface Bar {
  readonly words: string;
  readonly jatai: number;
  readonly tetragon: number;
}

function barsOf(rows: readonly Row[], results: readonly RowResult[]): Bar[] {
  return kinds.flatMap(([id, words]) => {
    const tetragon = rows.find((row) => row.id === id)?.tetragon?.value;
    const result = results.find((candidate) => candidate.id === id);
    if (tetragon === undefined || result?.status !== 'measured') return [];
    return [{ words, jatai: result.value, tetragon }];
  });
}

function barPair({ words, jatai, tetragon }: Bar, top: number): string[] {
  const bar = (value: number, y: number, series: 'jatai' | 'tetragon') => {
    const number = Math.round(value).toLocaleString('en-US');
    return [
      svgBar(plot.left, y, scale(value) - plot.left, barHeight, series, `${words}: ${number}`),
      svgText(scale(value) + 8, y + 11, number, 'tick'),
    ];
  };
  return [
    svgText(plot.left - 12, top + barHeight + 5, words, '', 'end'),
    ...bar(jatai, top, 'jatai'),
    ...bar(tetragon, top + barHeight + 2, 'tetragon'),
  ];
}
