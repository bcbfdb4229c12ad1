import type { Speed } from './report.js';

/** Told apart by the colour-blind as well (Okabe and Ito, 2008). */
const colours: Record<string, string> = { ours: '#0072b2', trgm: '#d55e00', naive: '#009e73', floor: '#767676' };
const names: Record<string, string> = {
  ours: 'ours, through HTTP',
  trgm: 'PostgreSQL trigrams',
  naive: 'naive Elasticsearch',
  floor: 'floor: bare index call',
};

const WIDTH = 800;
const HEIGHT = 440;
const PLOT = { left: 76, right: 550, top: 78, bottom: 372 };
const LABEL_GAP = 18;
const INK = '#1b1b1b';
const FAINT = '#5f5f5f';

/** p95 by number of clients, a line a system, on a logarithmic scale. */
export function drawChart(speeds: Speed[], title: string, subtitle: string): string {
  const levels = [...new Set(speeds.map(({ clients }) => clients))];
  const systems = [...new Set(speeds.map(({ system }) => system))];
  const values = speeds.map(({ p95 }) => p95).filter((p95) => p95 > 0);
  const ticks = ticksFor(Math.min(...values), Math.max(...values));
  const [low, high] = [Math.log10(ticks[0] ?? 1), Math.log10(ticks.at(-1) ?? 10)];
  const inset = levels.length === 1 ? (PLOT.right - PLOT.left) / 2 : 30;
  const x = (level: number) =>
    PLOT.left + inset + (levels.indexOf(level) / Math.max(1, levels.length - 1)) * (PLOT.right - PLOT.left - 2 * inset);
  const y = (p95: number) => PLOT.bottom - ((Math.log10(p95) - low) / (high - low)) * (PLOT.bottom - PLOT.top);

  const grid = ticks.map(
    (tick) =>
      `<line x1="${PLOT.left}" x2="${PLOT.right}" y1="${at(y(tick))}" y2="${at(y(tick))}" stroke="#e3e3e3"/>` +
      text(PLOT.left - 10, y(tick) + 4, `${tick} ms`, { anchor: 'end', fill: FAINT }),
  );
  const columns = levels.map((level) =>
    text(x(level), PLOT.bottom + 24, `${level} ${level === 1 ? 'client' : 'clients'}`, { anchor: 'middle' }),
  );
  const lines = systems.map((system) => {
    const points = speeds.filter((speed) => speed.system === system && speed.p95 > 0);
    const path = points.map(({ clients, p95 }) => `${at(x(clients))},${at(y(p95))}`).join(' ');
    const colour = colours[system] ?? INK;
    const dashes = system === 'floor' ? ' stroke-dasharray="6 5"' : '';
    const dots = points.map(
      ({ clients, p95 }) =>
        `<circle cx="${at(x(clients))}" cy="${at(y(p95))}" r="4.5" fill="${colour}" stroke="#fff" stroke-width="1.5"/>`,
    );
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2.5" stroke-linejoin="round"${dashes}/>${dots.join('')}`;
  });
  const ends = systems.flatMap((system) => {
    const last = speeds.findLast((speed) => speed.system === system && speed.p95 > 0);
    return last ? [{ system, p95: last.p95, from: x(last.clients), wanted: y(last.p95) }] : [];
  });
  const labels = apart(ends).map(({ system, p95, place }) => {
    const colour = colours[system] ?? INK;
    return text(PLOT.right + 12, place + 4, `${names[system] ?? system} ${milliseconds(p95)}`, {
      fill: colour,
      weight: 600,
    });
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escapeXml(title)}" font-family="Arial, Helvetica, sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(24, 34, title, { size: 18, weight: 700 }),
    text(24, 56, subtitle, { fill: FAINT }),
    ...grid,
    ...columns,
    ...lines,
    ...labels,
    text(24, HEIGHT - 18, 'Time within which 95 of 100 searches were answered; logarithmic scale, lower is quicker.', {
      fill: FAINT,
      size: 12,
    }),
    '</svg>',
    '',
  ].join('\n');
}

/** 1, 2, 5, 10, 20… around the values. */
function ticksFor(least: number, most: number): number[] {
  const steps = Array.from({ length: 24 }, (_, step) => [1, 2, 5][step % 3]! * 10 ** (Math.floor(step / 3) - 2));
  const from = Math.max(
    0,
    steps.findLastIndex((step) => step <= least),
  );
  const to = steps.findIndex((step) => step >= most);
  return steps
    .slice(from, Math.max(to < 0 ? steps.length : to, from + 1) + 1)
    .map((step) => Number(step.toPrecision(1)));
}

/** Moves labels that would lie on one another apart, in their order. */
function apart<T extends { wanted: number }>(labels: T[]): (T & { place: number })[] {
  const placed: (T & { place: number })[] = [];
  for (const label of [...labels].sort((a, b) => a.wanted - b.wanted)) {
    const above = placed.at(-1);
    placed.push({ ...label, place: Math.max(label.wanted, above ? above.place + LABEL_GAP : 0) });
  }
  return placed;
}

interface TextStyle {
  anchor?: 'end' | 'middle';
  fill?: string;
  size?: number;
  weight?: number;
}

function text(x: number, y: number, content: string, { anchor, fill = INK, size, weight }: TextStyle = {}): string {
  const style = [
    ...(anchor ? [`text-anchor="${anchor}"`] : []),
    ...(size ? [`font-size="${size}"`] : []),
    ...(weight ? [`font-weight="${weight}"`] : []),
    `fill="${fill}"`,
  ];
  return `<text x="${at(x)}" y="${at(y)}" ${style.join(' ')}>${escapeXml(content)}</text>`;
}

function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

const at = (value: number) => Number(value.toFixed(1));

function escapeXml(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
