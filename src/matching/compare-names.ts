import { compareTokens, type Role, type TokenLevel } from './compare-tokens.js';
import type { NamePart } from './normalise.js';

/** How a typed given or family name compares with a recorded one, beyond what single tokens can say. */
export const NAME_LEVELS = [
  'exact',
  'particle',
  'reordered',
  'spelling',
  'nickname',
  'shared-nickname',
  'slip',
  'typo',
  'phonetic',
  'part',
  'two-typos',
  'part-alike',
  'abbreviated',
  'initial',
  'beginning',
  'close',
  'different',
] as const;
export type NameLevel = (typeof NAME_LEVELS)[number];

/** What became of the names after the first. */
export type MiddleLevel = 'none' | 'same' | 'alike' | 'omitted' | 'added' | 'different';

export interface PartComparison {
  level: NameLevel;
  /** Typed token (or the whole, joined) that was compared, and what it met. */
  typed: string;
  recorded: string;
  /** For given names, the middle ones. */
  middle: MiddleLevel;
  /** Typed tokens that the level leaves unexplained. */
  beside: readonly string[];
}

export type TokenComparison = (typed: string, recorded: string, role: Role) => TokenLevel;

const rank = new Map<NameLevel, number>(NAME_LEVELS.map((level, at) => [level, at]));

/** Compares two whole parts; neither may be empty. `compare` may remember token comparisons of one search. */
export function compareParts(
  typed: NamePart,
  recorded: NamePart,
  role: Role,
  compare: TokenComparison = compareTokens,
): PartComparison {
  if (typed.open) {
    const level = recorded.joined.startsWith(typed.joined) ? 'beginning' : 'different';
    return found(level, typed.joined, recorded.joined, 'none');
  }
  return role === 'given' ? compareGiven(typed, recorded, compare) : compareFamily(typed, recorded, compare);
}

function compareGiven(typed: NamePart, recorded: NamePart, compare: TokenComparison): PartComparison {
  const firstTyped = typed.tokens[0] as string;
  const firstRecorded = recorded.tokens[0] as string;
  const oneEach = typed.tokens.length === 1 && recorded.tokens.length === 1;
  const first = found(
    compare(firstTyped, firstRecorded, 'given'),
    firstTyped,
    firstRecorded,
    compareMiddle(typed, recorded, compare),
  );
  if (oneEach) return bestOf([first, withoutParticle(typed, recorded)]);
  if (first.level === 'exact') return first;
  const whole = [
    wholly(typed.joined, recorded.joined, 'none', 'given', compare),
    wholly(typed.joined, firstRecorded, recorded.tokens.length > 1 ? 'omitted' : 'none', 'given', compare),
    wholly(firstTyped, recorded.joined, typed.tokens.length > 1 ? 'added' : 'none', 'given', compare),
  ];
  return bestOf([
    first,
    ...whole,
    withoutParticle(typed, recorded),
    reordered(typed, recorded),
    partly(typed, recorded, 'given', compare),
  ]);
}

function compareFamily(typed: NamePart, recorded: NamePart, compare: TokenComparison): PartComparison {
  const whole = wholly(typed.joined, recorded.joined, 'none', 'family', compare);
  if (whole.level === 'exact' || (typed.tokens.length === 1 && recorded.tokens.length === 1)) {
    return bestOf([whole, withoutParticle(typed, recorded)]);
  }
  return bestOf([
    whole,
    withoutParticle(typed, recorded),
    reordered(typed, recorded),
    partly(typed, recorded, 'family', compare),
  ]);
}

function found(
  level: NameLevel,
  typed: string,
  recorded: string,
  middle: MiddleLevel,
  beside: readonly string[] = [],
): PartComparison {
  return { level, typed, recorded, middle, beside };
}

/** Two joined names: equal ones that were split otherwise differ by a space alone. */
function wholly(
  typed: string,
  recorded: string,
  middle: MiddleLevel,
  role: Role,
  compare: TokenComparison,
): PartComparison {
  return found(compare(typed, recorded, role), typed, recorded, middle);
}

function withoutParticle(typed: NamePart, recorded: NamePart): PartComparison | undefined {
  if (typed.cores.join('') !== recorded.cores.join('') || typed.joined === recorded.joined) return undefined;
  return found('particle', typed.joined, recorded.joined, 'none');
}

function reordered(typed: NamePart, recorded: NamePart): PartComparison | undefined {
  if (typed.tokens.length < 2 || typed.tokens.length !== recorded.tokens.length) return undefined;
  const same = [...typed.tokens].sort().join(' ') === [...recorded.tokens].sort().join(' ');
  return same ? found('reordered', typed.joined, recorded.joined, 'none') : undefined;
}

/** One typed token against one recorded one, where at least one side has several. */
function partly(typed: NamePart, recorded: NamePart, role: Role, compare: TokenComparison): PartComparison | undefined {
  let best: PartComparison | undefined;
  for (const [at, token] of typed.tokens.entries()) {
    for (const other of recorded.tokens) {
      const level = partLevel(compare(token, other, role), token);
      if (level === undefined || (best && rank.get(best.level)! <= rank.get(level)!)) continue;
      best = found(
        level,
        token,
        other,
        'none',
        typed.tokens.filter((_, position) => position !== at),
      );
    }
  }
  return best;
}

function partLevel(level: TokenLevel, token: string): NameLevel | undefined {
  if (token.length < 2) return undefined;
  if (level === 'exact') return 'part';
  const alike: TokenLevel[] = ['spelling', 'nickname', 'slip', 'typo', 'phonetic'];
  return alike.includes(level) ? 'part-alike' : undefined;
}

function compareMiddle(typed: NamePart, recorded: NamePart, compare: TokenComparison): MiddleLevel {
  const asked = typed.tokens.slice(1);
  const held = recorded.tokens.slice(1);
  if (asked.length === 0) return held.length === 0 ? 'none' : 'omitted';
  if (held.length === 0) return 'added';
  if (asked.length === held.length && asked.every((token, at) => token === held[at])) return 'same';
  const agree = asked.some((token) => held.some((other) => compare(token, other, 'given') !== 'different'));
  return agree ? 'alike' : 'different';
}

function bestOf(comparisons: (PartComparison | undefined)[]): PartComparison {
  let best: PartComparison | undefined;
  for (const comparison of comparisons) {
    if (!comparison) continue;
    if (!best || rank.get(comparison.level)! < rank.get(best.level)!) best = comparison;
  }
  return best as PartComparison;
}
