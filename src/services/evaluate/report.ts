import type { Tenth } from './calibration.js';
import type { Measures } from './measures.js';
import { verdict } from './record.js';

/** The measures for a terminal. */
export function describe(measures: Measures): string {
  const recall = (at: number, [low, high]: [number, number]) =>
    `${at.toFixed(4)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
  const { calibration, origins } = measures;
  const lines = [
    `queries with a target, within the least criteria: ${measures.queries}`,
    `besides: no target ${measures.noTarget}, refused ${measures.refused}, invalid ${measures.invalid}, failed ${measures.failed}; too many matches ${measures.tooMany}; asked again ${measures.retried}`,
    `recall@1  ${recall(measures.recallAt1, measures.intervalAt1)}`,
    `recall@10 ${recall(measures.recallAt10, measures.intervalAt10)}`,
    `mrr       ${measures.mrr.toFixed(4)}`,
    `p50 ${measures.p50} ms, p95 ${measures.p95} ms, p99 ${measures.p99} ms`,
    '',
    ...table('score of all results', calibration.results),
    ...table('score of first results', calibration.first),
  ];
  for (const [name, slice] of Object.entries(measures.slices)) {
    lines.push(
      `  ${name.padEnd(36)} ${String(slice.queries).padStart(6)}  @1 ${slice.recallAt1.toFixed(3)}  @10 ${slice.recallAt10.toFixed(3)}`,
    );
  }
  if (origins) {
    lines.push(
      `worst and best origin, recall@10: ${origins.worst} ${origins.worstRecallAt10.toFixed(3)}, ` +
        `${origins.best} ${origins.bestRecallAt10.toFixed(3)}, difference ${origins.difference.toFixed(3)}`,
    );
  }
  return lines.join('\n');
}

function table(title: string, tenths: readonly Tenth[]): string[] {
  const rows = tenths.map(({ from, to, cases, meanScore, shareRight, interval: [low, high], calibrated }) => {
    const right = `${shareRight.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
    return `  ${from.toFixed(1)} to ${to.toFixed(1)} ${String(cases).padStart(8)}  mean ${meanScore.toFixed(3)}  right ${right}  ${verdict(calibrated)}`;
  });
  return [`${title}: tenth, results, calibrated?`, ...rows, ''];
}
