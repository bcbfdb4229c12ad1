import type { Calibration, Tenth } from './calibration.js';

const WIDTH = 680;
const HEIGHT = 660;
const LEFT = 76;
const RIGHT = 652;
/** The plot of shares, and below it the columns of cases. */
const SHARES = { top: 96, bottom: 456 };
const CASES = { top: 500, bottom: 590 };
const TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1];
const POINTS = 0.05;
const LAST_TENTH = 0.9;
/** Half the gap between the two series of a tenth, in pixels. */
const APART = 7;

interface Series {
  name: string;
  colour: string;
  offset: number;
  tenths: readonly Tenth[];
}

/** A reliability plot: how many of the results of each score were right, with 95% intervals, and how many there were. */
export function reliabilityPlot(title: string, subtitle: string, calibration: Calibration): string {
  const series: Series[] = [
    { name: 'all results', colour: '#1d5fa8', offset: -APART, tenths: calibration.results },
    { name: 'first results', colour: '#c4500c', offset: APART, tenths: calibration.first },
  ];
  const most = Math.max(1, ...series.flatMap(({ tenths }) => tenths.map(({ cases }) => cases)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" ` +
      `font-family="system-ui, 'Segoe UI', 'Liberation Sans', Arial, sans-serif" font-size="13" fill="#1c1f23">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 34, title, 'font-size="19" font-weight="600"'),
    text(LEFT, 56, subtitle, 'fill="#555b63"'),
    ...legend(series),
    ...wanted(),
    ...axes(most),
    ...series.flatMap((one) => [...columns(one, most), ...marks(one)]),
    '</svg>',
    '',
  ].join('\n');
}

/** What counts as calibrated: five points about the diagonal, and in the last tenth anything from 0.9. */
function wanted(): string[] {
  const corners: [number, number][] = [
    [0, POINTS],
    [0, 0],
    [POINTS, 0],
    [LAST_TENTH, LAST_TENTH - POINTS],
    [LAST_TENTH, LAST_TENTH],
    [1, LAST_TENTH],
    [1, 1],
    [LAST_TENTH, 1],
    [LAST_TENTH, LAST_TENTH + POINTS],
  ];
  const points = corners.map(([score, share]) => `${across(score)},${up(share)}`).join(' ');
  return [
    `<polygon points="${points}" fill="#e4ede2"/>`,
    line(across(0), up(0), across(1), up(1), '#7c9a77', 'stroke-dasharray="5 4"'),
  ];
}

function axes(most: number): string[] {
  const shares = TICKS.flatMap((tick) => [
    line(LEFT, up(tick), RIGHT, up(tick), '#d9dce0'),
    text(LEFT - 10, up(tick) + 4, percent(tick), 'text-anchor="end" fill="#555b63"'),
    text(across(tick), SHARES.bottom + 18, tick.toFixed(1), 'text-anchor="middle" fill="#555b63"'),
  ]);
  const powers = Array.from({ length: Math.floor(Math.log10(most)) + 1 }, (_, power) => 10 ** power);
  const counts = powers.flatMap((count) => [
    line(LEFT, tall(count, most), RIGHT, tall(count, most), '#e9ebee'),
    text(LEFT - 10, tall(count, most) + 4, grouped(count), 'text-anchor="end" fill="#555b63" font-size="11"'),
  ]);
  return [
    ...shares,
    ...counts,
    line(LEFT, CASES.bottom, RIGHT, CASES.bottom, '#8b9199'),
    line(LEFT, SHARES.bottom, RIGHT, SHARES.bottom, '#8b9199'),
    text((LEFT + RIGHT) / 2, SHARES.bottom + 36, 'score', 'text-anchor="middle"'),
    upright(22, (SHARES.top + SHARES.bottom) / 2, 'share that is the child asked for'),
    upright(22, (CASES.top + CASES.bottom) / 2, 'results'),
    text(LEFT, CASES.bottom + 26, 'Bars: 95% intervals (Wilson). Hollow: fewer than 200 results.', 'fill="#555b63"'),
    text(LEFT, CASES.bottom + 46, 'Green: what counts as calibrated. Columns: logarithmic.', 'fill="#555b63"'),
  ];
}

function marks({ colour, offset, tenths }: Series): string[] {
  return tenths.flatMap(({ meanScore, shareRight, interval: [low, high], calibrated }) => {
    const x = across(meanScore) + offset / 2;
    const fill = calibrated === null ? '#ffffff' : colour;
    return [
      line(x, up(low), x, up(high), colour, 'stroke-width="1.6" stroke-opacity="0.6"'),
      `<circle cx="${x.toFixed(1)}" cy="${up(shareRight).toFixed(1)}" r="4.6" fill="${fill}" stroke="${colour}" stroke-width="2"/>`,
    ];
  });
}

function columns({ colour, offset, tenths }: Series, most: number): string[] {
  return tenths.map(({ from, to, cases }) => {
    const x = across((from + to) / 2) + offset * 1.6 - 10;
    const y = tall(cases, most);
    const height = Math.max(1, CASES.bottom - y);
    return `<rect x="${x.toFixed(1)}" y="${(CASES.bottom - height).toFixed(1)}" width="20" height="${height.toFixed(1)}" fill="${colour}" fill-opacity="0.75"><title>${grouped(cases)}</title></rect>`;
  });
}

function legend(series: readonly Series[]): string[] {
  return series.flatMap(({ name, colour }, at) => {
    const x = LEFT + 6 + at * 120;
    return [`<circle cx="${x}" cy="77" r="4.6" fill="${colour}"/>`, text(x + 11, 81, name)];
  });
}

function across(score: number): number {
  return LEFT + score * (RIGHT - LEFT);
}

function up(share: number): number {
  return SHARES.bottom - share * (SHARES.bottom - SHARES.top);
}

/** One result is seen, a hundred thousand fit. */
function tall(cases: number, most: number): number {
  return CASES.bottom - ((Math.log10(cases) + 0.3) / (Math.log10(most) + 0.3)) * (CASES.bottom - CASES.top);
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string, more = ''): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map((value) => value.toFixed(1));
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" stroke="${colour}" ${more}/>`;
}

function text(x: number, y: number, content: string, more = ''): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${safe}</text>`;
}

function upright(x: number, y: number, content: string): string {
  return text(x, y, content, `text-anchor="middle" transform="rotate(-90 ${x} ${y})"`);
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

function grouped(count: number): string {
  return count.toLocaleString('en-GB');
}
