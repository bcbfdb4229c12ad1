import { readFileSync } from 'node:fs';

/** Memory of a process, or of a server with all its processes, in MB. */
export interface Memory {
  /** In memory, files that are mapped and memory that is shared among them: shared pages counted once. */
  resident: number;
  /** Of that what is the process's own: what a leak makes grow, while files and shared buffers fill up to their bounds. */
  own: number;
}

/** Linux (proc(5)). @param tree with all processes that it started, as PostgreSQL has one for each connection */
export function readMemory(pid: number, tree = false): Memory {
  if (!tree) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return { resident: megabytes(status, 'VmRSS'), own: megabytes(status, 'RssAnon') };
  }
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const sum: Memory = { resident: 0, own: 0 };
  for (const one of [pid, ...listed.split(' ').filter(Boolean)]) {
    const shares = sharesOf(one);
    sum.resident += megabytes(shares, 'Pss');
    sum.own += megabytes(shares, 'Pss_Anon');
  }
  return sum;
}

/** Nothing of one that has ended meanwhile. */
function sharesOf(pid: number | string): string {
  try {
    return readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  } catch {
    return '';
  }
}

function megabytes(text: string, line: string): number {
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024;
}

export interface Point {
  hours: number;
  megabytes: number;
}

export interface Line {
  /** Of the line, not of the first and last point. */
  start: number;
  end: number;
  perHour: number;
  /** About 95% of the slope. */
  from: number;
  to: number;
}

const Z = 1.96;

/**
 * Least squares. Points that follow one another are alike, so that there are fewer independent ones than it seems: by how
 * many the interval is widened tells the correlation of each residual with the next (as for a first-order autoregression).
 */
export function fitLine(points: readonly Point[]): Line {
  const count = points.length;
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / count;
  const middle = mean(points.map(({ hours }) => hours));
  const level = mean(points.map(({ megabytes }) => megabytes));
  const spread = points.reduce((sum, { hours }) => sum + (hours - middle) ** 2, 0);
  const perHour =
    points.reduce((sum, { hours, megabytes }) => sum + (hours - middle) * (megabytes - level), 0) / spread;
  const at = (hours: number) => level + perHour * (hours - middle);
  const residuals = points.map(({ hours, megabytes }) => megabytes - at(hours));
  const squares = residuals.reduce((sum, residual) => sum + residual ** 2, 0);
  const next = residuals.slice(1).reduce((sum, residual, before) => sum + residual * (residuals[before] ?? 0), 0);
  const alike = squares === 0 ? 0 : Math.min(0.95, Math.max(0, next / squares));
  const margin = Z * Math.sqrt((squares / (count - 2) / spread) * ((1 + alike) / (1 - alike)));
  return {
    start: at(points[0]?.hours ?? Number.NaN),
    end: at(points.at(-1)?.hours ?? Number.NaN),
    perHour,
    from: perHour - margin,
    to: perHour + margin,
  };
}

export type Growth = 'flat' | 'grows' | 'open';

/**
 * It grows where the slope's interval lies above zero and the line has risen, over the time measured, by more than 2% and
 * 3 MB. It is flat where the interval allows no rise of more than 10% and 10 MB in that time. Otherwise it is open: what is
 * measured is too restless for its time.
 */
export function judgeGrowth(line: Line, hours: number): Growth {
  const { start, from, to, perHour } = line;
  if (from > 0 && perHour * hours > Math.max(start * 0.02, 3)) return 'grows';
  return to * hours > Math.max(start * 0.1, 10) ? 'open' : 'flat';
}
