/** The steps of a search, in the order they are first taken; each in milliseconds. */
export type Step = 'plan' | 'candidates' | 'read' | 'decide' | 'audit';

export interface Took {
  totalMs: number;
  planMs: number;
  candidatesMs: number;
  readMs: number;
  decideMs: number;
  auditMs: number;
}

/** Adds up what each step of one search costs. */
export interface Stopwatch {
  /** Puts the time since the last call down to this step. */
  ended(step: Step): void;
  took(): Took;
}

export function startStopwatch(): Stopwatch {
  const started = performance.now();
  const spent: Record<Step, number> = { plan: 0, candidates: 0, read: 0, decide: 0, audit: 0 };
  let last = started;
  return {
    ended(step) {
      const now = performance.now();
      spent[step] += now - last;
      last = now;
    },
    took: () => ({
      totalMs: rounded(performance.now() - started),
      planMs: rounded(spent.plan),
      candidatesMs: rounded(spent.candidates),
      readMs: rounded(spent.read),
      decideMs: rounded(spent.decide),
      auditMs: rounded(spent.audit),
    }),
  };
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
