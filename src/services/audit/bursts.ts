import type { SealedLook } from '../../db/audit-chain.js';

export interface BurstLimits {
  minutes: number;
  /** 0 for no such alert, here and below. */
  emptySearches: number;
  children: number;
  childrenShown: number;
}

export const alertKinds = {
  emptySearches: 'alert-empty-searches',
  children: 'alert-many-children',
  childrenShown: 'alert-many-shown',
} as const;
type Kind = keyof typeof alertKinds;
const kinds = Object.keys(alertKinds) as Kind[];

export interface Burst {
  userId: string;
  action: (typeof alertKinds)[keyof typeof alertKinds];
  count: number;
}

interface Trace {
  /** When searches found nothing. */
  empty: number[];
  /** When each child was last looked at. */
  children: Map<string, number>;
  /** When each child was last in an answer, likely or not. */
  childrenShown: Map<string, number>;
}

/** Whoever asks through others is as hasty as whoever asks for themself. */
function askersOf({ userId, onBehalfOf }: SealedLook): string[] {
  return [userId, onBehalfOf].filter((who) => who !== null);
}

/**
 * Notices bursts in sealed rows. What it knows follows from the rows alone, so another process that is given the rows of
 * the last minutes comes to the same; an alert among them begins its user's count anew.
 */
export function createBurstWatch(limits: BurstLimits) {
  const traces = new Map<string, Trace>();

  function note(look: SealedLook): void {
    const { at, action, childIds, outcome, alertedUserId } = look;
    const alerted = kinds.find((kind) => alertKinds[kind] === action);
    if (alertedUserId && alerted) forget(alertedUserId, alerted);
    for (const who of askersOf(look)) {
      const trace = traceOf(who);
      if ((action === 'search' && childIds.length === 0 && outcome !== null) || action.endsWith('-not-found'))
        trace.empty.push(at);
      // The likeliest of a search's answer: the others are no choice of whoever asks. Whoever changes a record is answered
      // with it, so that any action is a look; but not at a child whom one brings in oneself.
      const [child] = childIds;
      if (action === 'create-child') continue;
      if (child) trace.children.set(child, at);
      // All of them: who pages through lists of fifty chooses none, and has them all.
      for (const shown of childIds) trace.childrenShown.set(shown, at);
    }
  }

  function forget(userId: string, kind: Kind): void {
    const trace = traceOf(userId);
    if (kind === 'emptySearches') trace.empty = [];
    else trace[kind].clear();
  }

  function traceOf(userId: string): Trace {
    const trace = traces.get(userId) ?? { empty: [], children: new Map(), childrenShown: new Map() };
    traces.set(userId, trace);
    return trace;
  }

  return {
    /** @returns who is over a limit once all of these rows are counted, each kind once */
    observe(looks: SealedLook[]): Burst[] {
      const users = new Set<string>();
      let latest = 0;
      for (const look of looks) {
        note(look);
        for (const who of askersOf(look)) users.add(who);
        latest = Math.max(latest, look.at);
      }
      const since = latest - limits.minutes * 60_000;
      const bursts: Burst[] = [];
      for (const [userId, trace] of traces) {
        trace.empty = trace.empty.filter((at) => at > since);
        for (const seen of [trace.children, trace.childrenShown])
          for (const [child, at] of seen) if (at <= since) seen.delete(child);
        if (trace.empty.length === 0 && trace.childrenShown.size === 0) traces.delete(userId);
        if (!users.has(userId)) continue;
        const counts = {
          emptySearches: trace.empty.length,
          children: trace.children.size,
          childrenShown: trace.childrenShown.size,
        };
        for (const kind of kinds) {
          if (limits[kind] > 0 && counts[kind] >= limits[kind])
            bursts.push({ userId, action: alertKinds[kind], count: counts[kind] });
        }
      }
      return bursts;
    },
    /** The count begins anew: the alert is written. */
    raised({ userId, action }: Burst): void {
      const kind = kinds.find((one) => alertKinds[one] === action);
      if (kind) forget(userId, kind);
    },
  };
}
