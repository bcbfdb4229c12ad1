import type { Agreement, Field } from './types.js';

/**
 * How a field stands to what was stated: `current` agrees exactly with a current value, `recorded` exactly with another
 * recorded one (or with all of the stated part of a value), `close` nearly, `against` not, `silent` where nothing is held.
 */
export type Standing = 'current' | 'recorded' | 'close' | 'against' | 'silent';

/** What one field says. */
export interface FieldEvidence {
  field: Field;
  level: string;
  agreement: Agreement;
  standing: Standing;
  /** How many times likelier for this very child than for a stranger. */
  ratio: number;
}

/** What a group of fields that hang together says, for each kind of child that the search may really be about. */
export interface Evidence {
  fields: FieldEvidence[];
  /** The product of the fields' ratios: this very child against a stranger. */
  match: number;
  /** A brother or sister of this child, not a twin, against a stranger. */
  sibling: number;
  /** A twin of this child against a stranger. */
  twin: number;
}

/** Ratio for a brother or sister, who shares a value with this chance and otherwise has one like a stranger's. */
export function shared(ratio: number, chance: number): number {
  return ratio > 1 ? chance * ratio + (1 - chance) : ratio;
}

/** Evidence of one field that says nothing of brothers and sisters. */
export function single(field: Field, level: string, agreement: Agreement, ratio: number): Evidence {
  const standings: Partial<Record<Agreement, Standing>> = { missing: 'silent', disagrees: 'against', exact: 'current' };
  const standing = standings[agreement] ?? 'close';
  return { fields: [{ field, level, agreement, standing, ratio }], match: ratio, sibling: 1, twin: 1 };
}
