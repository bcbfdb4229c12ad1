import { compareLines, comparePostcodes, compareTowns, type PlacePart } from './compare-places.js';
import { type Evidence, type FieldEvidence, shared } from './evidence.js';
import type { Model, Weight } from './model/model.js';
import type { Agreement, Field } from './types.js';

/** A part is undefined where it isn't recorded, or wasn't asked for. */
export interface RecordedPlace {
  current: boolean;
  line: PlacePart['line'];
  town: PlacePart['town'];
  postcode: PlacePart['postcode'];
}

const AGREEMENTS: Record<string, Agreement> = {
  same: 'exact',
  'same-but-flat': 'partial',
  alike: 'typo',
  'one-character': 'typo',
  'same-street': 'partial',
  'same-number': 'partial',
  'same-sector': 'partial',
  'same-district': 'partial',
  different: 'disagrees',
};

const NOWHERE: RecordedPlace = { current: true, line: undefined, town: undefined, postcode: undefined };

/** Compares a stated place with each of a child's, as a whole, and keeps the likeliest: parts of two addresses are not mixed. */
export function weighPlace(stated: PlacePart, recorded: readonly RecordedPlace[], model: Model): Evidence {
  let best: FieldEvidence[] | undefined;
  let most = 0;
  for (const place of recorded) {
    const fields = comparePlace(stated, place, model);
    const ratio = fields.reduce((product, field) => product * field.ratio, 1);
    if (!best || ratio > most) [best, most] = [fields, ratio];
  }
  best ??= comparePlace(stated, NOWHERE, model);
  const match = best.reduce((product, field) => product * field.ratio, 1);
  const { address } = model.household;
  const like = (chance: number) => (match > 1 ? shared(match, chance) : match);
  return { fields: best, match, sibling: like(address), twin: like((1 + address) / 2) };
}

/** The postcode is weighed first; what it implies of street and town counts no second time. */
function comparePlace(stated: PlacePart, recorded: RecordedPlace, model: Model): FieldEvidence[] {
  const fields: FieldEvidence[] = [];
  let implied = false;
  if (stated.postcode) {
    const level = recorded.postcode && comparePostcodes(stated.postcode, recorded.postcode);
    fields.push(describe('postcode', level, level && model.postcode[level], recorded.current));
    implied = level === 'same' || level === 'one-character';
  }
  if (stated.line) {
    const level = recorded.line && compareLines(stated.line, recorded.line);
    fields.push(
      describe('address', level, level && (implied ? model.lineInPostcode : model.line)[level], recorded.current),
    );
    implied ||= level === 'same' || level === 'same-but-flat';
  }
  if (stated.town) {
    const level = recorded.town && compareTowns(stated.town, recorded.town);
    fields.push(
      describe('town', level, level && (implied ? model.townInPostcode : model.town)[level], recorded.current),
    );
  }
  if (!recorded.current) {
    // That somebody asks by an old address at all is unlikely, once for all its parts.
    const agreeing = fields.find(({ ratio }) => ratio > 1);
    if (agreeing) agreeing.ratio = Math.max(1, agreeing.ratio * model.formerAddress);
  }
  return fields;
}

function describe(
  field: Field,
  level: string | undefined,
  weight: Weight | undefined,
  current: boolean,
): FieldEvidence {
  if (level === undefined || !weight)
    return { field, level: 'not-held', agreement: 'missing', standing: 'silent', ratio: 1 };
  const against = level === 'different';
  return {
    field,
    level: current ? level : `former ${level}`,
    agreement: current || against ? AGREEMENTS[level]! : 'former',
    standing: against ? 'against' : level !== 'same' ? 'close' : current ? 'current' : 'recorded',
    ratio: weight.m / weight.u,
  };
}
