import { compareParents, type ParentLevel } from './compare-parents.js';
import { type Evidence, shared, single } from './evidence.js';
import type { NamePart } from './normalise.js';
import type { Agreement } from './types.js';
import type { NameScales } from './weigh-names.js';

const AGREEMENTS: Record<ParentLevel, Agreement> = {
  same: 'exact',
  'same-and-childs-family': 'exact',
  alike: 'typo',
  'alike-and-childs-family': 'typo',
  'given-only': 'partial',
  'family-only': 'partial',
  'family-only-childs': 'partial',
  different: 'disagrees',
};

/** Any of the parents may be meant. `families` are the child's own family names, which a parent's repeats. */
export function weighParents(
  stated: NamePart,
  recorded: readonly NamePart[],
  families: ReadonlySet<string>,
  { model, compare }: NameScales,
): Evidence {
  const ratioOf = (level: ParentLevel) => model.parent[level].m / model.parent[level].u;
  let best: ParentLevel | undefined;
  for (const parent of recorded) {
    const level = compareParents(stated, parent, (token) => families.has(token), compare);
    if (!best || ratioOf(level) > ratioOf(best)) best = level;
  }
  if (!best) return single('parentName', 'not-held', 'missing', 1);
  const ratio = ratioOf(best);
  return { ...single('parentName', best, AGREEMENTS[best], ratio), ...withFamily(ratio, model.household.parent) };
}

/** Brothers and sisters have the same parents mostly, twins nearly always. */
function withFamily(ratio: number, chance: number): Pick<Evidence, 'sibling' | 'twin'> {
  return { sibling: shared(ratio, chance), twin: shared(ratio, (1 + chance) / 2) };
}
