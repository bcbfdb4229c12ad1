import type { Model } from '../../matching/index.js';

const LINE_WIDTH = 120;

/** A module of src/matching/model that holds this model, laid out as the formatter would. */
export function modelModule(model: Model): string {
  return `import type { Model } from './model.js';

/**
 * Written by \`directory train\`, not by hand. What each number means: model.ts; how it was estimated: docs/matching.md.
 * \`seen\` says how many pairs a number rests on; one without it was set by hand in the model it was trained from.
 */
export const ${modelName(model)}: Model = ${literal(roundAll(model), 0, '')};
`;
}

/** v2 is weightsV2. */
function modelName({ version }: Model): string {
  return `weights${version.charAt(0).toUpperCase()}${version.slice(1).replace(/\W/g, '')}`;
}

type Value = string | number | boolean | { [key: string]: Value };

/** Three digits are more than any estimate is good for. Counts stay whole. */
function roundAll(value: object): { [key: string]: Value } {
  return Object.fromEntries(
    Object.entries(value).map(([key, part]): [string, Value] => {
      if (typeof part === 'object') return [key, roundAll(part)];
      return [key, typeof part === 'number' && !Number.isInteger(part) ? Number(part.toPrecision(3)) : part];
    }),
  );
}

/** An object on one line where it fits and holds no other objects than `seen`, else one line a key. */
function literal(value: Value, depth: number, before: string): string {
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  if (typeof value === 'number') return numeral(value);
  if (typeof value === 'boolean') return String(value);
  const entries = Object.entries(value);
  const indent = '  '.repeat(depth);
  const isRow = entries.every(([key, part]) => key === 'seen' || typeof part !== 'object');
  if (isRow && depth > 0) {
    const row = `{ ${entries.map(([key, part]) => `${keyOf(key)}: ${literal(part, depth + 1, '')}`).join(', ')} }`;
    if (indent.length + before.length + row.length < LINE_WIDTH) return row;
  }
  const lines = entries.map(([key, part]) => {
    const start = `${keyOf(key)}: `;
    return `${indent}  ${start}${literal(part, depth + 1, start)},\n`;
  });
  return `{\n${lines.join('')}${indent}}`;
}

function keyOf(key: string): string {
  return /^[A-Za-z_]\w*$/.test(key) ? key : `'${key}'`;
}

function numeral(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) >= 10_000) return String(value).replace(/\B(?=(\d{3})+$)/g, '_');
  return Math.abs(value) < 1e-3 && value !== 0 ? value.toExponential().replace('e+', 'e') : String(value);
}
