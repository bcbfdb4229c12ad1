import { compareParts, type NameLevel, type PartComparison, type TokenComparison } from './compare-names.js';
import type { Role } from './compare-tokens.js';
import { type Evidence, type FieldEvidence, type Standing, shared } from './evidence.js';
import type { Model } from './model/model.js';
import type { NameOdds } from './name-odds.js';
import type { NamePart } from './normalise.js';
import { type Arrangement, isPlaceholderName, type PreparedCriteria } from './prepare.js';
import type { Agreement, NameKind } from './types.js';

/** A recorded name, parsed; a part is undefined where the child has none. */
export interface RecordedName {
  kind: NameKind;
  given: NamePart | undefined;
  family: NamePart | undefined;
}

/** What names are weighed with. */
export interface NameScales {
  model: Model;
  odds: NameOdds;
  compare: TokenComparison;
}

/** How likely each arrangement of the typed words is from the words alone: `Smith` as a given name is probably a swap. */
export function arrangementShares(query: PreparedCriteria, mononym: boolean, { model, odds }: NameScales): number[] {
  const { arrangement } = model;
  // A child with one name only, or a typist who knew only one, has it in either field.
  const bothFields = query.given !== undefined && query.family !== undefined && !mononym;
  const chances = {
    'as-typed': 1,
    swapped: bothFields ? arrangement.swapped : arrangement.swappedOneKnown,
    divided: arrangement.divided,
  };
  const weights = query.arrangements.map(({ kind, given, family }) => {
    return chances[kind] * (given ? odds.anybody(given, 'given') : 1) * (family ? odds.anybody(family, 'family') : 1);
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/**
 * Compares the stated names, read in each arrangement, with all of a child's names, and keeps the likeliest reading.
 * `shares` come from arrangementShares.
 */
export function weighNames(
  query: PreparedCriteria,
  names: readonly RecordedName[],
  shares: readonly number[],
  scales: NameScales,
): Evidence {
  let best: Reading | undefined;
  for (const [at, arrangement] of query.arrangements.entries()) {
    const reading = read(arrangement, shares[at] as number, names, scales);
    if (!best || reading.ratio > best.ratio) best = reading;
    // Names that agree as typed have no better reading.
    if (at === 0 && [reading.given, reading.family].every((part) => part === undefined || isCurrent(part))) break;
  }
  return best ? toEvidence(query, best, scales.model) : { fields: [], match: 1, sibling: 1, twin: 1 };
}

/** The typed words in one arrangement, each part against the recorded part that explains it best. */
interface Reading {
  arrangement: Arrangement['kind'];
  share: number;
  given: PartReading | undefined;
  family: PartReading | undefined;
  ratio: number;
}

interface PartReading {
  /** Undefined where nothing is recorded, or a title was typed for want of a name. */
  comparison?: PartComparison;
  kind: NameKind;
  role: Role;
  ratio: number;
}

function read(
  { kind, given, family }: Arrangement,
  share: number,
  names: readonly RecordedName[],
  scales: NameScales,
): Reading {
  const first = given && readPart(given, 'given', names, scales);
  const last = family && readPart(family, 'family', names, scales);
  return {
    arrangement: kind,
    share,
    given: first,
    family: last,
    ratio: share * (first?.ratio ?? 1) * (last?.ratio ?? 1),
  };
}

function readPart(
  typed: NamePart,
  role: Role,
  names: readonly RecordedName[],
  { model, odds, compare }: NameScales,
): PartReading {
  const different = model[role].different.m;
  let best: PartReading | undefined;
  for (const name of names) {
    const recorded = name[role];
    if (!recorded) continue;
    const comparison = compareParts(typed, recorded, role, compare);
    const ratio = different + (odds.ratio(typed, comparison, recorded, role) - different) * model.nameKind[name.kind];
    if (!best || ratio > best.ratio) best = { comparison, kind: name.kind, role, ratio };
  }
  if (!best || (best.comparison?.level === 'different' && isPlaceholderName(typed)))
    return { kind: 'current', role, ratio: 1 };
  return best;
}

function isWhole({ level, middle }: PartComparison): boolean {
  return level === 'exact' && (middle === 'none' || middle === 'same');
}

function isCurrent({ comparison, kind }: PartReading): boolean {
  return comparison !== undefined && kind === 'current' && isWhole(comparison);
}

/** Files what was found under the fields as typed, and works out what a brother, sister or twin would show. */
function toEvidence(query: PreparedCriteria, reading: Reading, { household }: Model): Evidence {
  const { arrangement, given, family, share, ratio } = reading;
  const swapped = arrangement === 'swapped';
  const fields: FieldEvidence[] = [];
  // What the arrangement costs or brings goes with the first field stated.
  if (query.given) fields.push(describe('givenNames', swapped ? family : given, arrangement, share));
  if (query.family) fields.push(describe('familyName', swapped ? given : family, arrangement, query.given ? 1 : share));
  // All typed into one field: it carries both parts' evidence.
  if (fields.length === 1 && given && family) fields[0]!.ratio = ratio;
  const ownName = given ? siblingGiven(given, household) : 1;
  const familyName = share * (family?.ratio ?? 1);
  const like = (chance: number) => ownName * (familyName > 1 ? shared(familyName, chance) : familyName);
  return { fields, match: ratio, sibling: like(household.family), twin: like((1 + household.family) / 2) };
}

/** Brothers and sisters seldom bear one name; where the typed name isn't this child's, it may well be theirs. */
function siblingGiven({ comparison }: PartReading, household: Model['household']): number {
  if (!comparison || comparison.level === 'different') return 1;
  return comparison.level === 'exact' ? household.sameGiven : household.likeGiven;
}

const AGREEMENTS: Record<NameLevel, Agreement> = {
  exact: 'exact',
  particle: 'partial',
  reordered: 'partial',
  spelling: 'nickname',
  nickname: 'nickname',
  'shared-nickname': 'nickname',
  slip: 'typo',
  typo: 'typo',
  phonetic: 'phonetic',
  part: 'partial',
  'two-typos': 'typo',
  'part-alike': 'partial',
  abbreviated: 'partial',
  initial: 'partial',
  beginning: 'partial',
  close: 'typo',
  different: 'disagrees',
};

function describe(
  field: 'givenNames' | 'familyName',
  part: PartReading | undefined,
  arrangement: Arrangement['kind'],
  share: number,
): FieldEvidence {
  if (!part?.comparison) {
    return { field, level: 'not-held', agreement: 'missing', standing: 'silent', ratio: share * (part?.ratio ?? 1) };
  }
  const { comparison, kind } = part;
  const { level, middle } = comparison;
  const words: string[] = [level];
  if (middle !== 'none' && middle !== 'same') words.push(`middle-${middle}`);
  if (kind !== 'current') words.unshift(kind);
  if (arrangement !== 'as-typed') words.unshift(arrangement);
  return {
    field,
    level: words.join(' '),
    agreement: agreementOf(part, comparison, arrangement),
    standing: standingOf(part, comparison, arrangement),
    ratio: share * part.ratio,
  };
}

function agreementOf(
  { kind, role }: PartReading,
  comparison: PartComparison,
  arrangement: Arrangement['kind'],
): Agreement {
  const { level } = comparison;
  if (level === 'different') return 'disagrees';
  if (arrangement === 'swapped') return 'swapped';
  if (kind !== 'current') return 'former';
  if (arrangement === 'divided' || (level === 'exact' && !isWhole(comparison))) return 'partial';
  return level === 'spelling' && role === 'family' ? 'phonetic' : AGREEMENTS[level];
}

function standingOf(part: PartReading, comparison: PartComparison, arrangement: Arrangement['kind']): Standing {
  const { level, middle } = comparison;
  if (level === 'different') return 'against';
  if (arrangement !== 'as-typed') return 'close';
  if (isCurrent(part)) return 'current';
  // A first name without the middle ones, or a beginning with a wildcard, is exactly what is recorded as far as it goes.
  const allStated = isWhole(comparison) || (level === 'exact' && middle === 'omitted') || level === 'beginning';
  return allStated ? 'recorded' : 'close';
}
