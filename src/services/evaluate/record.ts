import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../../config.js';
import { defaultModel } from '../../matching/index.js';
import { todayInEngland } from '../child-age.js';
import type { Tenth } from './calibration.js';
import type { Measures } from './measures.js';

/** What a measurement was taken of, and how. */
export interface Circumstances {
  command: string;
  /** Of the matching model. */
  model: string;
  /** Children in the directory. */
  children: number;
  on: string;
  commit: string;
  machine: string;
}

const measurements = path.join(projectRoot, 'docs/measurements.md');

export async function circumstances(command: string, children: number): Promise<Circumstances> {
  const cores = os.availableParallelism();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return {
    command,
    model: defaultModel.version,
    children,
    on: todayInEngland(),
    commit: await commit(),
    machine: `${cores} cores, ${memory} GiB, Node.js ${process.versions.node}`,
  };
}

async function commit(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('git', ['rev-parse', '--short', 'HEAD'], { cwd: projectRoot });
    return stdout.trim();
  } catch {
    return 'unknown';
  }
}

/** Writes the section of docs/measurements.md that is headed `name`, in the place of the one of the same heading. */
export async function recordMeasures(name: string, measures: Measures, under: Circumstances): Promise<void> {
  const text = await readFile(measurements, 'utf8');
  await writeFile(measurements, withSection(text, name, section(measures, under)));
}

/** A document with this section, new at the end or in the place of its predecessor. */
export function withSection(document: string, name: string, body: string): string {
  const lines = document.trimEnd().split('\n');
  const from = lines.indexOf(`## ${name}`);
  const written = [`## ${name}`, '', ...body.trim().split('\n')];
  if (from < 0) return `${[...lines, '', ...written].join('\n')}\n`;
  const after = lines.findIndex((line, at) => at > from && /^##? /.test(line));
  const rest = after < 0 ? [] : ['', ...lines.slice(after)];
  return `${[...lines.slice(0, from), ...written, ...rest].join('\n')}\n`;
}

export function section(measures: Measures, under: Circumstances): string {
  const { calibration, origins } = measures;
  const recall = (at: number, [low, high]: [number, number]) =>
    `${at.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;
  return [
    `${grouped(under.children)} children, model ${under.model}; ${under.on}, commit ${under.commit}; ${under.machine}.`,
    'In brackets 95% intervals (Wilson).',
    '',
    '| queries | no target | refused | too many | recall@1 | recall@10 | MRR | p50 | p95 | p99 |',
    '|---|---|---|---|---|---|---|---|---|---|',
    `| ${grouped(measures.queries)} | ${measures.noTarget} | ${measures.refused} | ${measures.tooMany} | ` +
      `${recall(measures.recallAt1, measures.intervalAt1)} | ${recall(measures.recallAt10, measures.intervalAt10)} | ` +
      `${measures.mrr.toFixed(3)} | ${measures.p50} ms | ${measures.p95} ms | ${measures.p99} ms |`,
    '',
    ...(origins
      ? [
          `By origin of the name, recall@10 is ${origins.worstRecallAt10.toFixed(3)} (${origins.worst}) to ` +
            `${origins.bestRecallAt10.toFixed(3)} (${origins.best}): a difference of ${origins.difference.toFixed(3)}.`,
          '',
        ]
      : []),
    '| score | results | mean score | right | calibrated | first results | mean score | right | calibrated |',
    '|---|---|---|---|---|---|---|---|---|',
    ...calibrationRows(calibration.results, calibration.first),
    '',
    '```sh',
    under.command,
    '```',
  ].join('\n');
}

function calibrationRows(results: readonly Tenth[], first: readonly Tenth[]): string[] {
  const cells = (tenth: Tenth | undefined) => {
    if (!tenth) return '– | | |';
    const { cases, meanScore, shareRight, interval, calibrated } = tenth;
    const [low, high] = interval.map((value) => value.toFixed(3));
    return `${grouped(cases)} | ${meanScore.toFixed(3)} | ${shareRight.toFixed(3)} (${low}–${high}) | ${verdict(calibrated)}`;
  };
  return results.map((tenth) => {
    const ofFirst = first.find(({ from }) => from === tenth.from);
    return `| ${tenth.from.toFixed(1)}–${tenth.to.toFixed(1)} | ${cells(tenth)} | ${cells(ofFirst)} |`;
  });
}

export function verdict(calibrated: boolean | null): string {
  if (calibrated === null) return 'too few';
  return calibrated ? 'yes' : 'no';
}

function grouped(count: number): string {
  return count.toLocaleString('en-GB');
}
