import { tetragonByPolicies } from '../published.ts';
import type { RowResult } from '../row.ts';
import { auditFolderId, bpftraceFileOpenId } from '../rows/peers.ts';
import { oneHookId, spreadId } from '../rows/policy-curve.ts';
import { logScale, powersOfTen, type SeriesClass, svgDocument, svgGridLine, svgSeries, svgText } from './svg.ts';

const width = 820;
const height = 440;
const plot = { left: 80, right: 640, top: 76, bottom: 390 };
const xRange = [1, 4000] as const;
const yRange = [100, 1_000_000] as const;
const xTicks = [1, 10, 50, 200, 1000, 4000];
const labelDistance = 16;

interface Series {
  readonly name: string;
  readonly series: SeriesClass;
  readonly points: readonly (readonly [policies: number, instructions: number])[];
}

const scaleX = logScale(...xRange, plot.left, plot.right);
const scaleY = logScale(...yRange, plot.bottom, plot.top);

/** Cost of one open and close against the number of policies that do not match it. */
export function policyPlot(results: readonly RowResult[], kernel: string): string {
  const all = seriesOf(results).filter(({ points }) => points.length > 0);
  const title = 'What policies that do not match add to one open+close';
  const description = all
    .map(
      ({ name, points }) =>
        `${name}: ${points.map(([policies, cost]) => `${policies}: ${Math.round(cost)}`).join(', ')}`,
    )
    .join('; ');
  const labels = placeLabels(all.map(({ points }) => scaleY(points.at(-1)![1])));
  return svgDocument(width, height, title, description, [
    svgText(24, 32, title, 'title'),
    svgText(24, 52, `instructions, both axes logarithmic; Debian ${kernel}, one CPU that counts instructions`, 'note'),
    ...axes(),
    ...all.map(({ name, series, points }) =>
      svgSeries(
        points.map(([policies, cost]) => ({
          x: scaleX(policies),
          y: scaleY(cost),
          title: `${name}, ${policies.toLocaleString('en-US')}: +${Math.round(cost).toLocaleString('en-US')}`,
        })),
        series,
      ),
    ),
    ...all.map(({ name, points }, at) => svgText(scaleX(points.at(-1)![0]) + 12, labels[at]! + 4, name)),
  ]);
}

function seriesOf(results: readonly RowResult[]): Series[] {
  const values = new Map(
    results.flatMap((result) => (result.status === 'measured' ? [[result.id, result.value]] : [])),
  );
  const curve = (name: string, series: SeriesClass, idOf: (count: number) => string): Series => ({
    name,
    series,
    points: xTicks.flatMap((count) => {
      const value = values.get(idOf(count));
      return value === undefined || value <= 0 ? [] : [[count, value] as const];
    }),
  });
  return [
    { name: 'Tetragon 1.8-dev', series: 'tetragon', points: [...tetragonByPolicies] },
    curve('auditd, folder rules', 'auditd', auditFolderId),
    curve('bpftrace, probes', 'bpftrace', bpftraceFileOpenId),
    curve('jatai, one hook', 'jatai', oneHookId),
    curve('jatai, over 20 hooks', 'spread', spreadId),
  ];
}

function axes(): string[] {
  return [
    ...powersOfTen(...yRange).flatMap((value) => [
      svgGridLine(plot.left, scaleY(value), plot.right, scaleY(value)),
      svgText(plot.left - 10, scaleY(value) + 4, value.toLocaleString('en-US'), 'tick', 'end'),
    ]),
    ...xTicks.map((value) => svgText(scaleX(value), plot.bottom + 22, value.toLocaleString('en-US'), 'tick', 'middle')),
    svgText((plot.left + plot.right) / 2, plot.bottom + 42, 'policies', 'note', 'middle'),
  ];
}

/** Moves labels apart that would lie on each other, in the order of their heights. */
function placeLabels(heights: readonly number[]): number[] {
  const placed = [...heights];
  const order = heights.map((_, at) => at).sort((left, right) => heights[left]! - heights[right]!);
  for (let at = 1; at < order.length; at++) {
    const [above, below] = [order[at - 1]!, order[at]!];
    placed[below] = Math.max(placed[below]!, placed[above]! + labelDistance);
  }
  return placed;
}
