/** What a series belongs to: its colour. */
export type SeriesClass = 'jatai' | 'spread' | 'tetragon' | 'auditd' | 'bpftrace';

interface Palette {
  readonly surface: string;
  readonly ink: string;
  readonly muted: string;
  readonly grid: string;
  readonly series: Readonly<Record<SeriesClass, string>>;
}

const light: Palette = {
  surface: '#fcfcfb',
  ink: '#0b0b0b',
  muted: '#52514e',
  grid: '#e1e0d9',
  series: { jatai: '#2a78d6', spread: '#17835c', tetragon: '#c9491b', auditd: '#6a4fc4', bpftrace: '#8a6100' },
};

const dark: Palette = {
  surface: '#1a1a19',
  ink: '#ffffff',
  muted: '#c3c2b7',
  grid: '#383835',
  series: { jatai: '#5aa2f5', spread: '#35b98a', tetragon: '#f08a5d', auditd: '#a48ff0', bpftrace: '#d9a520' },
};

/** Readable on light and on dark pages, by the reader's setting; without variables, which many programs do not know. */
const style = `
text { font: 13px system-ui, sans-serif; }
.title { font-size: 16px; font-weight: 600; }
.tick { font-size: 12px; font-variant-numeric: tabular-nums; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.mark { stroke-width: 2; }
${colorRules(light)}
@media (prefers-color-scheme: dark) {
${colorRules(dark)}
}
`;

function colorRules({ surface, ink, muted, grid, series }: Palette): string {
  return [
    `text { fill: ${ink}; } .note, .tick { fill: ${muted}; } .surface { fill: ${surface}; }`,
    `.grid { stroke: ${grid}; } .mark { stroke: ${surface}; }`,
    ...Object.entries(series).map(
      ([name, color]) => `.${name} .line { stroke: ${color}; } .${name} .fill { fill: ${color}; }`,
    ),
  ].join('\n');
}

/** A whole picture; `description` is for readers that do not see it. */
export function svgDocument(
  width: number,
  height: number,
  title: string,
  description: string,
  body: readonly string[],
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escapeXml(title)}</title><desc>${escapeXml(description)}</desc>`,
    `<style>${style}</style>`,
    `<rect class="surface" width="${width}" height="${height}" rx="6"/>`,
    ...body,
    '</svg>\n',
  ].join('\n');
}

/** Text at a point; `anchor` says which part of it is there. */
export function svgText(
  x: number,
  y: number,
  text: string,
  className = '',
  anchor: 'start' | 'middle' | 'end' = 'start',
): string {
  return `<text x="${pixel(x)}" y="${pixel(y)}" class="${className}" text-anchor="${anchor}">${escapeXml(text)}</text>`;
}

export function svgGridLine(x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="grid" x1="${pixel(x1)}" y1="${pixel(y1)}" x2="${pixel(x2)}" y2="${pixel(y2)}"/>`;
}

/** A line through points with a mark at each; the mark tells its value where the reader's program shows titles. */
export function svgSeries(
  points: readonly { readonly x: number; readonly y: number; readonly title: string }[],
  series: SeriesClass,
): string {
  const path = points.map(({ x, y }, at) => `${at === 0 ? 'M' : 'L'}${pixel(x)} ${pixel(y)}`).join('');
  const marks = points.map(
    ({ x, y, title }) =>
      `<circle class="mark fill" cx="${pixel(x)}" cy="${pixel(y)}" r="5"><title>${escapeXml(title)}</title></circle>`,
  );
  return `<g class="${series}"><path class="line" d="${path}"/>${marks.join('')}</g>`;
}

/** A bar from left to right. */
export function svgBar(
  x: number,
  y: number,
  width: number,
  height: number,
  series: SeriesClass,
  title: string,
): string {
  const shape = `x="${pixel(x)}" y="${pixel(y)}" width="${pixel(width)}" height="${height}" rx="2"`;
  return `<g class="${series}"><rect class="fill" ${shape}><title>${escapeXml(title)}</title></rect></g>`;
}

/** A position on a logarithmic axis. */
export function logScale(from: number, to: number, startPixel: number, endPixel: number): (value: number) => number {
  const span = Math.log(to / from);
  return (value) => startPixel + (Math.log(Math.max(value, from) / from) / span) * (endPixel - startPixel);
}

/** Powers of ten from `from` to `to`, both included. */
export function powersOfTen(from: number, to: number): number[] {
  const powers: number[] = [];
  for (let power = from; power <= to * 1.0001; power *= 10) powers.push(power);
  return powers;
}

function pixel(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
