import { wilson } from '../src/services/evaluate/statistics.js';
import { type LoadFacts, percentile } from './bench-directory.js';
import type { Machine, Memory } from './surroundings.js';
import type { Run } from './time-systems.js';

export interface Report {
  command: string;
  commit: string | null;
  date: string;
  machine: Machine;
  load: LoadFacts;
  memory: Memory;
  sizes: Record<string, Record<string, number>>;
  recall: Recall[];
  speed: Speed[];
  steps: Steps[];
}

/** What ours says its steps took, in milliseconds. */
export interface Steps {
  clients: number;
  steps: Record<string, { p50: number; p95: number }>;
}

/** Over all queries asked of the system whose child the directory has, whatever the number of clients. */
export interface Recall {
  system: string;
  queries: number;
  recallAt1: number;
  intervalAt1: [number, number];
  recallAt10: number;
  intervalAt10: [number, number];
  /** Share among all ids given, which for the floor are more than ten. */
  recallAll: number;
  /** Answers that were no list, because it would have been too long. */
  tooMany: number;
}

export interface Speed {
  system: string;
  clients: number;
  queries: number;
  errors: number;
  /** Milliseconds, of queries that were answered. */
  p50: number;
  p95: number;
  p99: number;
  perSecond: number;
  /** How many times as long as this system's p95 ours takes: below 1 ours is quicker. */
  oursToThis?: number;
}

export function recallOf(runs: Run[], system: string): Recall {
  const asked = runs.filter((run) => run.system === system).flatMap((run) => run.asked);
  const counted = asked.filter(({ query }) => query.childId !== undefined);
  const within = (limit: number) => counted.filter(({ rank }) => rank !== undefined && rank <= limit).length;
  const share = (found: number) => (counted.length === 0 ? 0 : round(found / counted.length, 4));
  return {
    system,
    queries: counted.length,
    recallAt1: share(within(1)),
    intervalAt1: wilson(within(1), counted.length),
    recallAt10: share(within(10)),
    intervalAt10: wilson(within(10), counted.length),
    recallAll: share(within(Number.POSITIVE_INFINITY)),
    tooMany: asked.filter(({ tooMany }) => tooMany).length,
  };
}

export function speedOf(runs: Run[]): Speed[] {
  const speeds = runs.map(({ system, clients, asked, seconds }): Speed => {
    const times = asked.flatMap(({ milliseconds }) => milliseconds ?? []);
    return {
      system,
      clients,
      queries: asked.length,
      errors: asked.length - times.length,
      p50: round(percentile(times, 0.5), 2),
      p95: round(percentile(times, 0.95), 2),
      p99: round(percentile(times, 0.99), 2),
      perSecond: round(times.length / seconds, 1),
    };
  });
  return speeds.map((speed) => {
    const ours = speeds.find(({ system, clients }) => system === 'ours' && clients === speed.clients);
    return ours && speed.system !== 'ours' ? { ...speed, oursToThis: round(ours.p95 / speed.p95, 2) } : speed;
  });
}

export function stepsOf(runs: Run[]): Steps[] {
  return runs.flatMap(({ clients, asked }) => {
    const tooks = asked.flatMap(({ took }) => (took ? [took] : []));
    const names = [...new Set(tooks.flatMap((took) => Object.keys(took)))];
    const steps = names.map((name): [string, { p50: number; p95: number }] => {
      const times = tooks.flatMap((took) => took[name] ?? []);
      return [name, { p50: round(percentile(times, 0.5), 2), p95: round(percentile(times, 0.95), 2) }];
    });
    return steps.length > 0 ? [{ clients, steps: Object.fromEntries(steps) }] : [];
  });
}

/** The tables, for a terminal and for a page alike. */
export function tables(report: Report): string {
  const { load, memory, sizes } = report;
  const parts = [
    table(
      ['system', 'queries', 'recall@1', 'recall@10', 'among all ids', 'no list'],
      report.recall.map((entry) => [
        entry.system,
        String(entry.queries),
        withInterval(entry.recallAt1, entry.intervalAt1),
        withInterval(entry.recallAt10, entry.intervalAt10),
        entry.recallAll.toFixed(3),
        String(entry.tooMany),
      ]),
    ),
    table(
      ['clients', 'system', 'queries', 'errors', 'p50 ms', 'p95 ms', 'p99 ms', 'a second', 'ours ÷ this, p95'],
      report.speed.map((entry) => [
        String(entry.clients),
        entry.system,
        String(entry.queries),
        String(entry.errors),
        ...[entry.p50, entry.p95, entry.p99].map((time) => time.toFixed(1)),
        entry.perSecond.toFixed(0),
        entry.oursToThis?.toFixed(2) ?? '',
      ]),
    ),
    table(
      ['step of ours, p50 / p95 ms', ...report.steps.map(({ clients }) => `${clients} at once`)],
      Object.keys(report.steps[0]?.steps ?? {}).map((name) => [
        name,
        ...report.steps.map(({ steps }) => `${steps[name]?.p50.toFixed(1)} / ${steps[name]?.p95.toFixed(1)}`),
      ]),
    ),
    table(
      ['on disk', 'PostgreSQL tables', 'PostgreSQL indices', 'Elasticsearch', 'segments'],
      Object.entries(sizes)
        .filter(([, size]) => Object.keys(size).length > 0)
        .map(([system, size]) => [
          system,
          ...[size.postgresTables, size.postgresIndices, size.elasticsearch].map(megabytes),
          size.segments === undefined ? '' : String(size.segments),
        ]),
    ),
    [
      load.measured
        ? `Load of ours: ${load.measured.seconds} s, ${load.measured.perSecond} children a second, import process at most ${load.measured.peakMb} MB.`
        : 'Load of ours: not measured, the children were there.',
      memory.apiMb === null ? '' : `API process: ${memory.apiMb} MB at the end, ${memory.apiPeakMb} MB at most.`,
      `Elasticsearch heap: ${memory.elasticsearchHeapMb} of ${memory.elasticsearchHeapLimitMb} MB.`,
    ]
      .filter((line) => line !== '')
      .join('\n'),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

export function page(report: Report, chart: string): string {
  const { machine, load } = report;
  return `# Bench, ${load.children.toLocaleString('en-GB')} children

\`${report.command}\`

${report.date}, commit ${report.commit ?? 'unknown'}; ${machine.cores} cores (${machine.processor}), ${Math.round(machine.memoryMb / 1024)} GB, load average at the end ${machine.load}, the bench's own work included;
Node ${machine.node}, PostgreSQL ${machine.postgres}, Elasticsearch ${machine.elasticsearch}. Children of seed ${load.seed}, as of ${load.asOf}.
If the machine had other work too, times are upper bounds. Ratios suffer less, since all systems were asked in turn, but
whatever else uses one of the services slows the systems that need it.

![p95 by number of clients](${chart})

${tables(report)}
`;
}

/** A table of Markdown whose columns line up. */
function table(head: string[], rows: string[][]): string {
  if (rows.length === 0) return '';
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n');
}

function withInterval(share: number, [low, high]: [number, number]): string {
  return `${share.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? '' : `${(bytes / 2 ** 20).toFixed(1)} MB`;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
