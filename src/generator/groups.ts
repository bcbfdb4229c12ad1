/** Where a family's names come from, as the queries' `name_origin` says it. */
export const origins = [
  'british',
  'welsh',
  'scottish',
  'irish',
  'caribbean',
  'south-asian-muslim',
  'south-asian-hindu',
  'sikh',
  'polish',
  'eastern-european',
  'western-european',
  'turkish',
  'arabic',
  'somali',
  'west-african',
  'chinese',
] as const;
export type Origin = (typeof origins)[number];

/** How family names pass from parents to children; surnames.ts has one function for each. */
export type Custom =
  | 'inherited'
  | 'polish'
  | 'slavic'
  | 'lithuanian'
  | 'irish'
  | 'south-asian-muslim'
  | 'sikh'
  | 'fathers-name'
  | 'arabic'
  | 'somali'
  | 'iberian'
  | 'akan'
  | 'chinese';

/** Families whose names follow one custom and come from one pair of lists; data/groups.csv has a line for each. */
export interface Group {
  name: string;
  origin: Origin;
  /** Share of the families, per cent. Sources: docs/generator.md. */
  share: number;
  custom: Custom;
  /** How often a child gets an English given name instead of one of the group's own. */
  englishNames: number;
  /** How many middle names: probability of one and of two. */
  middleNames: { one: number; two: number };
  /** How often the parents come from different groups. */
  marriesOut: number;
  /** How often a family's records have lost their diacritics. */
  losesMarks: number;
  /** Mean number of children a mother ends up with, of those who have any. */
  children: number;
  /** How often the parents join their two family names. */
  joinsNames: number;
  /** British or Irish: lives everywhere rather than where newcomers settled. */
  native: boolean;
  /** From which pairs twins with names alike take theirs. */
  twinNames: 'english' | 'muslim' | 'other';
}
