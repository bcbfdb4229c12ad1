import { type Birth, type Childhood, drawBirths } from './births.js';
import type { Gender, PersonName } from './child.js';
import { drawEmail, drawMobile } from './contact.js';
import type { Data } from './data.js';
import { drawFirstNames, drawMiddleNames, drawParentName } from './given-names.js';
import type { Group } from './groups.js';
import { drawKnownAs } from './known-as.js';
import { chance, pick, type Random } from './random.js';
import { drawRecordStyle } from './record-style.js';
import { drawLine, type Line } from './surnames.js';

export interface Parent {
  name: string;
  relationship: string;
  phone: string;
  email: string;
}

export interface FamilyChild {
  givenNames: string;
  familyName: string;
  formerFamilyName: string;
  knownAs: string;
  dateOfBirth: string;
  gender: Gender;
  twin: boolean;
}

/** Children who live together, with those who bring them up. */
export interface Family {
  /** The group that the children's family name comes from. */
  group: Group;
  parents: Parent[];
  /** The parents live apart and the children with both. */
  twoHomes: boolean;
  children: FamilyChild[];
}

type Household = 'couple' | 'mother' | 'father' | 'apart' | 'step' | 'carer';

/** @param group whose family name the children bear */
export function drawFamily(data: Data, random: Random, group: Group, childhood: Childhood): Family {
  const household = drawHousehold(random);
  const otherGroup = chance(random, group.marriesOut) ? data.sampleGroup(random) : group;
  const own = drawLine(data, group, random);
  const other = drawLine(data, otherGroup, random);
  const mothersName = household === 'mother' && chance(random, 0.55);
  const father = mothersName ? other.man : own.man;
  const mother = mothersName ? own.woman : drawWife(random, own, other, household);
  const style = drawRecordStyle(random, group);
  const births = drawBirths(random, childhood, group.children);
  const genders = drawGenders(random, births);
  const firstNames = drawFirstNames(data, random, { group, otherGroup, births, genders });
  const lineOf = drawDescent(data, random, { household, group, otherGroup, own, other, births });
  const joined = drawJoining(random, group, own, other);
  const children = births.map(({ dateOfBirth, twin }, position): FamilyChild => {
    const gender = genders[position]!;
    const { name: first, english } = firstNames[position]!;
    const newborn = { gender, dateOfBirth, first, english };
    const { line, former } = lineOf(position);
    const { familyName, before = [], middle = [] } = line.child(newborn);
    const formerName = former?.child(newborn).familyName ?? '';
    return {
      givenNames: style(joinNames(before, first, middle, drawMiddleNames(data, group, random, gender))),
      familyName: style(line === own ? joined(familyName) : familyName),
      formerFamilyName: formerName === familyName ? '' : style(formerName),
      knownAs: style(drawKnownAs(random, first, before.length > 0)),
      dateOfBirth,
      gender,
      twin,
    };
  });
  const parents = drawParents(data, random, household, mother, father, group);
  return {
    group,
    parents: parents.map((parent) => ({ ...parent, name: style(parent.name) })),
    twoHomes: household === 'apart',
    children,
  };
}

/** Round figures after ONS, Families and households 2023 (couples, lone parents, step-families); two homes are a guess. */
function drawHousehold(random: Random): Household {
  const draw = random();
  if (draw < 0.66) return 'couple';
  if (draw < 0.83) return 'mother';
  if (draw < 0.855) return 'father';
  if (draw < 0.925) return 'apart';
  if (draw < 0.99) return 'step';
  return 'carer';
}

function drawWife(random: Random, husbands: Line, hers: Line, household: Household): PersonName {
  const takesHis = household === 'couple' ? 0.72 : 0.25;
  if (husbands.marriedName === undefined || !chance(random, takesHis)) return hers.woman;
  return { given: hers.woman.given, family: husbands.marriedName };
}

function drawGenders(random: Random, births: Birth[]): Gender[] {
  const genders: Gender[] = [];
  for (const [position, birth] of births.entries()) {
    const twinBrother = birth.twin && births[position - 1]?.dateOfBirth === birth.dateOfBirth;
    // A third of twins are identical; the others are as any two children.
    const same = twinBrother && chance(random, 0.34);
    genders.push(same ? genders[position - 1]! : chance(random, 0.512) ? 'male' : 'female');
  }
  return genders;
}

interface Descent {
  household: Household;
  group: Group;
  otherGroup: Group;
  own: Line;
  other: Line;
  births: Birth[];
}

/**
 * Whose name each child bears, and bore before. In a step-family the elder children come from an earlier father: they
 * keep his name or have taken the new one. Elsewhere a few children were first registered in the other parent's name.
 */
function drawDescent(data: Data, random: Random, family: Descent): (position: number) => { line: Line; former?: Line } {
  const { household, group, otherGroup, own, other, births } = family;
  if (household !== 'step') {
    const former = group.native && chance(random, 0.035) ? { former: other } : {};
    return () => ({ line: own, ...former });
  }
  const earlier = drawLine(data, otherGroup, random);
  const ofEarlier = 1 + Math.floor(random() * births.length);
  const tookNewName = chance(random, 0.35);
  return (position) => {
    if (position >= ofEarlier) return { line: own };
    return tookNewName ? { line: own, former: earlier } : { line: earlier };
  };
}

/** Some parents join their two names, with a hyphen mostly; then all their children bear both. */
function drawJoining(random: Random, group: Group, own: Line, other: Line): (familyName: string) => string {
  const second = other.man.family;
  if (!chance(random, group.joinsNames) || isCompound(second)) return (name) => name;
  const mark = chance(random, 0.8) ? '-' : ' ';
  const ownFirst = chance(random, 0.4);
  return (name) => {
    if (name === second || isCompound(name) || own.man.family === second) return name;
    return ownFirst ? `${name}${mark}${second}` : `${second}${mark}${name}`;
  };
}

function isCompound(name: string): boolean {
  return /[\s-]/.test(name);
}

function joinNames(...parts: (string | readonly string[])[]): string {
  const names = parts.flat();
  return names.filter((name, position) => name !== '' && names.indexOf(name) === position).join(' ');
}

function drawParents(
  data: Data,
  random: Random,
  household: Household,
  mother: PersonName,
  father: PersonName,
  group: Group,
): Parent[] {
  const mum = toParent(random, mother, 'mother');
  const dad = toParent(random, father, household === 'step' ? 'step-father' : 'father');
  switch (household) {
    case 'mother':
      return chance(random, 0.35) ? [mum, dad] : [mum];
    case 'father':
      return chance(random, 0.3) ? [dad, mum] : [dad];
    case 'carer': {
      const gender = chance(random, 0.8) ? 'female' : 'male';
      const kin = gender === 'female' ? ['grandmother', 'grandmother', 'aunt'] : ['grandfather', 'uncle'];
      const name = { given: drawParentName(data, group, random, gender), family: mother.family };
      return [toParent(random, name, pick(random, [...kin, 'foster carer', 'guardian']))];
    }
    default:
      return chance(random, 0.75) ? [mum, dad] : [dad, mum];
  }
}

function toParent(random: Random, person: PersonName, relationship: string): Parent {
  return {
    name: `${person.given} ${person.family}`.trim(),
    relationship,
    phone: chance(random, 0.88) ? drawMobile(random) : '',
    email: chance(random, 0.6) ? drawEmail(random, person) : '',
  };
}
