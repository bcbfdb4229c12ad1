import type { Birth } from './births.js';
import type { Gender } from './child.js';
import type { Data } from './data.js';
import type { Group } from './groups.js';
import { chance, pick, type Random } from './random.js';
import type { Sampler } from './sampler.js';

interface Siblings {
  group: Group;
  otherGroup: Group;
  births: Birth[];
  genders: Gender[];
}

export interface FirstName {
  name: string;
  /** From the English list though the family is not British or Irish. */
  english: boolean;
}

/** First names for the children of one family: no two alike, though now and then those of twins nearly are. */
export function drawFirstNames(
  data: Data,
  random: Random,
  { group, otherGroup, births, genders }: Siblings,
): FirstName[] {
  const names: FirstName[] = [];
  const taken = (name: string) => names.some((sibling) => sibling.name === name);
  while (names.length < births.length) {
    const at = names.length;
    const gender = genders[at]!;
    const birth = births[at]!;
    const twins = birth.twin && births[at + 1]?.dateOfBirth === birth.dateOfBirth && genders[at + 1] === gender;
    const pairs = twins && chance(random, 0.08) ? alike[group.twinNames]?.[gender] : undefined;
    const pair = pairs && pick(random, pairs);
    if (pair && !pair.some(taken)) {
      names.push(...pair.map((name) => ({ name, english: false })));
      continue;
    }
    const drawn = drawChildName(data, chance(random, 0.7) ? group : otherGroup, random, gender);
    if (!taken(drawn.name)) names.push(drawn);
  }
  return names;
}

/** A given name for a child of today: mostly one of the group's own, otherwise an English one. */
function drawChildName(data: Data, group: Group, random: Random, gender: Gender): FirstName {
  const english = chance(random, group.englishNames);
  const list = english ? 'british' : group.name;
  return { name: samplerOf(data, list, gender === 'female' ? 'girl' : 'boy')(random), english };
}

/** A parent's given name: of their generation where the group has such a list. */
export function drawParentName(data: Data, group: Group, random: Random, gender: Gender): string {
  const grown = data.givenNames.get(`${group.name}/${gender === 'female' ? 'woman' : 'man'}`);
  return (grown ?? samplerOf(data, group.name, gender === 'female' ? 'girl' : 'boy'))(random);
}

/** None, one or two middle names; in English most come from a short list of names that are hardly given first. */
export function drawMiddleNames(data: Data, group: Group, random: Random, gender: Gender): string[] {
  const { one, two } = group.middleNames;
  const draw = random();
  const count = draw < two ? 2 : draw < two + one ? 1 : 0;
  const use = gender === 'female' ? 'girl' : 'boy';
  return Array.from({ length: count }, () => {
    const list = group.native || chance(random, group.englishNames) ? 'british' : group.name;
    return samplerOf(data, list, list === 'british' && chance(random, 0.6) ? `${use}-middle` : use)(random);
  });
}

function samplerOf(data: Data, list: string, use: string): Sampler<string> {
  const sampler = data.givenNames.get(`${list}/${use}`);
  if (!sampler) throw new RangeError(`There are no names ${list}/${use}`);
  return sampler;
}

type Pairs = Record<Gender, readonly (readonly [string, string])[]>;

/** Pairs that parents give to twins, alike to the ear or the eye. */
// biome-ignore format: a table
const alike: Record<Group['twinNames'], Pairs | undefined> = {
  english: {
    female: [
      ['Ella', 'Ellie'],
      ['Lily', 'Lola'],
      ['Amelia', 'Emilia'],
      ['Isla', 'Ayla'],
      ['Eva', 'Evie'],
      ['Mia', 'Maya'],
      ['Sophia', 'Sofia'],
      ['Anna', 'Hannah'],
      ['Alice', 'Alicia'],
      ['Lauren', 'Laura'],
    ],
    male: [
      ['Jayden', 'Jaden'],
      ['Harry', 'Harvey'],
      ['Alfie', 'Albie'],
      ['Aidan', 'Jaidan'],
      ['Taylor', 'Tyler'],
      ['Luca', 'Lucas'],
      ['Kai', 'Kaiden'],
      ['Jake', 'Jack'],
    ],
  },
  muslim: {
    female: [
      ['Aisha', 'Aliza'],
      ['Zara', 'Zahra'],
      ['Hafsa', 'Hafza'],
      ['Maryam', 'Mariya'],
      ['Amina', 'Amna'],
    ],
    male: [
      ['Hasan', 'Husain'],
      ['Zain', 'Zayn'],
      ['Adam', 'Adil'],
      ['Ibrahim', 'Ismail'],
      ['Haris', 'Haaris'],
    ],
  },
  other: undefined,
};
