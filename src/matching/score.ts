import { parseLine, parsePostcode, parseTown } from './compare-places.js';
import { compareTokens } from './compare-tokens.js';
import type { Evidence } from './evidence.js';
import { ALL_AGREE, floorOf, LISTED } from './floor.js';
import type { Model } from './model/model.js';
import { createNameOdds } from './name-odds.js';
import { parseName } from './normalise.js';
import type { PreparedCriteria } from './prepare.js';
import { remember, rememberPairs } from './remember.js';
import type { Agreement, Candidate, Field, NameFrequencies, Scored } from './types.js';
import { weighDate } from './weigh-date.js';
import { weighGender } from './weigh-gender.js';
import { arrangementShares, type NameScales, type RecordedName, weighNames } from './weigh-names.js';
import { weighParents } from './weigh-parents.js';
import { type RecordedPlace, weighPlace } from './weigh-place.js';

export type Scorer = (query: PreparedCriteria, candidate: Candidate) => Scored;

// The same whatever the frequencies: kept when names are counted anew.
const compareGiven = rememberPairs((typed, recorded) => compareTokens(typed, recorded, 'given'));
const compareFamily = rememberPairs((typed, recorded) => compareTokens(typed, recorded, 'family'));
const nameOf = remember((text) => {
  const part = parseName(text);
  return part.tokens.length > 0 ? part : undefined;
});
const lineOf = remember(parseLine);
const townOf = remember(parseTown);
const postcodeOf = remember(parsePostcode);

/** A scorer for one directory. It remembers how common names are: make one for all searches on the same frequencies. */
export function createScorer(model: Model, frequencies: NameFrequencies): Scorer {
  const scales: NameScales = {
    model,
    odds: createNameOdds(model, frequencies),
    compare: (typed, recorded, role) => (role === 'given' ? compareGiven : compareFamily)(typed, recorded),
  };
  const strangers = frequencies.children + model.prior.pseudoChildren;
  const shares = new WeakMap<PreparedCriteria, Record<'usual' | 'mononym', number[]>>();

  return (query, candidate) => {
    const names = candidate.names.map(({ kind, givenNames, familyName }): RecordedName => {
      return { kind, given: nameOf(givenNames), family: nameOf(familyName) };
    });
    const mononym = names.every(({ given, family }) => !given || !family);
    const name = weighNames(query, names, sharesOf(query)[mononym ? 'mononym' : 'usual'], scales);
    const evidence = [name];
    if (query.date) evidence.push(weighDate(query.date, candidate.dateOfBirth, model));
    if (query.gender) {
      const [first] = name.fields;
      const nameAgrees = first?.field === 'givenNames' && first.standing !== 'against' && first.standing !== 'silent';
      evidence.push(weighGender(query.gender, candidate.gender, nameAgrees, model));
    }
    if (query.place) {
      // Only what was asked for is read: addresses are the costliest to parse.
      const { line, town, postcode } = query.place;
      const places = candidate.addresses.map((address): RecordedPlace => {
        return {
          current: address.current,
          line: line && lineOf(address.line),
          town: town && townOf(address.town),
          postcode: postcode && postcodeOf(address.postcode),
        };
      });
      evidence.push(weighPlace(query.place, places, model));
    }
    if (query.parent) {
      const families = new Set(names.flatMap(({ family }) => family?.tokens ?? []));
      const parents = candidate.parents.flatMap((parent) => nameOf(parent.name) ?? []);
      evidence.push(weighParents(query.parent, parents, families, scales));
    }
    return conclude(evidence, strangers, model);
  };

  function sharesOf(query: PreparedCriteria): Record<'usual' | 'mononym', number[]> {
    let known = shares.get(query);
    if (!known) {
      known = { usual: arrangementShares(query, false, scales), mononym: arrangementShares(query, true, scales) };
      shares.set(query, known);
    }
    return known;
  }
}

/** One comparison, for callers that compare only once. */
export function scoreCandidate(
  query: PreparedCriteria,
  candidate: Candidate,
  model: Model,
  frequencies: NameFrequencies,
): Scored {
  return createScorer(model, frequencies)(query, candidate);
}

/**
 * From evidence to probability. The rival explanations are a stranger, or a brother, sister or twin of this child, who
 * would agree in family, address and parents just as well; so what they share can't count for this child beyond that.
 */
function conclude(evidence: readonly Evidence[], strangers: number, model: Model): Scored {
  const { household } = model;
  const product = (kind: 'match' | 'sibling' | 'twin') => evidence.reduce((ratio, part) => ratio * part[kind], 1);
  const fields = evidence.flatMap((part) => part.fields);
  const match = product('match');
  const relatives = (household.siblings * product('sibling') + household.twins * product('twin')) / strangers;
  const raw = (presence(model) * match) / strangers / (1 + relatives);
  const odds = Math.exp(model.calibration.intercept) * raw ** model.calibration.slope;
  // Alone it is weighed against all strangers, and not against its being nowhere.
  const alone = odds * elsewhere(model);
  const agreement: Partial<Record<Field, Agreement>> = {};
  for (const { field, agreement: word } of fields) agreement[field] = word;
  const floor = floorOf(fields, odds);
  return {
    score: Math.max(alone / (1 + alone), floor),
    prior: Math.log2(presence(model) / strangers),
    weight: Math.log2(match / (1 + relatives)),
    agreement,
    levels: fields.map(({ field, level, ratio }) => ({ field, level, bits: Math.log2(ratio) })),
    household: -Math.log2(1 + relatives),
    fullMatch: fields.length > 0 && fields.every(({ standing }) => standing === 'current'),
    odds,
    floor,
  };
}

/** Odds, before anything is compared, that the child asked for is among the candidates. */
export function presence(model: Model): number {
  return model.prior.held / elsewhere(model);
}

/** Chance that the child asked for is none of the candidates: not in the directory, or not among those that were found. */
function elsewhere({ prior }: Model): number {
  return 1 - prior.held + prior.held * prior.overlooked;
}

/** More children than these who agree in all that was stated are too many to be told apart. */
export const MOST_PLAUSIBLE = 50;
/** Who is less likely than this beside the others that were found isn't listed: that two names meet by chance is no reason to be shown. */
const NEGLIGIBLE = 1e-4;

/**
 * Scores of all the candidates of one search, knowing of each other (Bayes over the list). A candidate alone is weighed
 * against as many strangers as the directory has; but those were looked for as well, and what was found of them is in the
 * list, so that a candidate without a rival deserves more, one with rivals less. Same order as given.
 */
export function weighRivals<T extends Scored>(candidates: readonly T[]): T[] {
  // Who isn't worth listing is no rival: so whether a search came upon such a child leaves no trace in the others' scores.
  const total = candidates.reduce((sum, { odds, floor }) => (floor > 0 ? sum + odds : sum), 0);
  const tooMany = candidates.filter(agreesInAll).length > MOST_PLAUSIBLE;
  return candidates.map((candidate) => {
    const probability = candidate.floor > 0 ? candidate.odds / (1 + total) : 0;
    let least = probability >= NEGLIGIBLE ? LISTED : 0;
    // Who agrees in all is always listed; where there are too many of them, each is plausible, so that none is shown.
    if (agreesInAll(candidate)) least = tooMany ? candidate.floor : LISTED;
    return { ...candidate, score: Math.max(probability, least) };
  });
}

function agreesInAll({ floor }: Scored): boolean {
  return floor >= ALL_AGREE;
}

/** Order of an answer: full matches first, then by score, then by weight. */
export function compareRanked(a: Scored, b: Scored): number {
  if (a.fullMatch !== b.fullMatch) return a.fullMatch ? -1 : 1;
  return b.score - a.score || b.weight - a.weight;
}
