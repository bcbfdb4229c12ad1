import { weekdayOf } from './calendar.js';
import type { Gender, PersonName } from './child.js';
import type { Data } from './data.js';
import { drawParentName } from './given-names.js';
import type { Custom, Group } from './groups.js';
import { chance, pick, type Random } from './random.js';
import { createSampler } from './sampler.js';

/** What a child's name depends on beside the parents' names. */
export interface Newborn {
  gender: Gender;
  dateOfBirth: string;
  first: string;
  /** The first name comes from the English list. */
  english: boolean;
}

/** What custom settles about a child's name; the given name itself comes between `before` and `middle`. */
export interface Customary {
  familyName: string;
  before?: string[];
  middle?: string[];
}

/** The names that go with one parent's descent. */
export interface Line {
  man: PersonName;
  woman: PersonName;
  /** What a wife takes, where it is the custom that she takes anything. */
  marriedName?: string;
  child(newborn: Newborn): Customary;
}

type DrawLine = (data: Data, group: Group, random: Random) => Line;

/** Draws a parent's descent by the custom of the group. */
export function drawLine(data: Data, group: Group, random: Random): Line {
  return customs[group.custom](data, group, random);
}

/** One family name for all, in the form that fits a man or a woman. */
function inherited(form: (name: string, gender: Gender) => string): DrawLine {
  return (data, group, random) => {
    const name = drawFamilyName(data, group, random);
    return {
      man: { given: drawParentName(data, group, random, 'male'), family: form(name, 'male') },
      woman: { given: drawParentName(data, group, random, 'female'), family: form(name, 'female') },
      marriedName: form(name, 'female'),
      child: ({ gender }) => ({ familyName: form(name, gender) }),
    };
  };
}

const ending = (name: string, from: RegExp, to: string) => name.replace(from, to);

/** Daughters of Kowalski are Kowalska, though English offices write some of them as their father. */
const polish: DrawLine = (data, group, random) => {
  const feminine = chance(random, 0.75);
  return inherited((name, gender) => (gender === 'female' && feminine ? ending(name, /(?<=[sc]|dz)ki$/, 'ka') : name))(
    data,
    group,
    random,
  );
};

/** Ivanov, Ivanova; Novák, Nováková. */
const slavic: DrawLine = (data, group, random) => {
  const feminine = chance(random, 0.8);
  return inherited((name, gender) => {
    if (gender === 'male' || !feminine) return name;
    if (/ski$/.test(name)) return ending(name, /ski$/, 'ska');
    if (/[oe]v$/.test(name)) return `${name}a`;
    if (/ý$/.test(name)) return ending(name, /ý$/, 'á');
    return group.name === 'slovak' ? `${ending(name, /[aoe]$/, '')}ová` : name;
  })(data, group, random);
};

/** Kazlauskas's wife is Kazlauskienė, his daughter Kazlauskaitė. */
const lithuanian: DrawLine = (data, group, random) => {
  const name = drawFamilyName(data, group, random);
  const daughter = name
    .replace(/as$/, 'aitė')
    .replace(/[iy]s$/, 'ytė')
    .replace(/us$/, 'utė');
  const wife = name.replace(/([aiy]|u)s$/, 'ienė');
  return {
    man: { given: drawParentName(data, group, random, 'male'), family: name },
    woman: { given: drawParentName(data, group, random, 'female'), family: daughter },
    marriedName: wife,
    child: ({ gender }) => ({ familyName: gender === 'male' ? name : daughter }),
  };
};

/** Ó Briain's daughter is Ní Bhriain, Mac Cárthaigh's Nic Cárthaigh. */
const irish: DrawLine = inherited((name, gender) => {
  if (gender === 'male') return name;
  if (name.startsWith('Mac ')) return `Nic ${name.slice(4)}`;
  if (!name.startsWith('Ó ')) return name;
  return `Ní ${name.slice(2).replace(/^([BCDFGMPST])(?!h)/, '$1h')}`;
});

const muhammads = createSampler([
  ['Muhammad', 46],
  ['Mohammed', 24],
  ['Mohammad', 15],
  ['Muhammed', 6],
  ['Mohamed', 3],
  ['Mohd', 2],
  ['Md', 4],
] as [string, number][]);
const pakistaniWomen = ['Bibi', 'Begum', 'Akhtar', 'Kausar', 'Parveen', 'Khatoon', 'Jan', 'Fatima', 'Noor'];
const bengaliWomen = ['Begum', 'Khatun', 'Akter', 'Khanom', 'Bibi', 'Sultana', 'Nessa', 'Jahan', 'Chowdhury'];

/**
 * A family name for all; or the father's given name; or sons with one second name and daughters with another, so that
 * brother and sister share none. Muhammad often stands before the name that a boy is called by.
 */
const southAsianMuslim: DrawLine = (data, group, random) => {
  const women = group.name === 'bangladeshi' ? bengaliWomen : pakistaniWomen;
  const name = drawFamilyName(data, group, random);
  const father: PersonName = { given: drawParentName(data, group, random, 'male'), family: name };
  const mother: PersonName = {
    given: drawParentName(data, group, random, 'female'),
    family: chance(random, 0.6) ? pick(random, women) : name,
  };
  const muhammad = muhammads(random);
  const draw = random();
  const shared = group.name === 'bangladeshi' ? 0.45 : 0.68;
  const childName =
    draw < shared
      ? () => name
      : draw < shared + 0.12
        ? () => father.given
        : (gender: Gender) => (gender === 'male' ? name : daughters);
  const daughters = pick(random, women);
  return {
    man: father,
    woman: mother,
    child: ({ gender, first, english }) => ({
      familyName: childName(gender),
      before: gender === 'male' && !english && !/^M[uo]ham/.test(first) && chance(random, 0.26) ? [muhammad] : [],
    }),
  };
};

/** Singh for men and Kaur for women: as the last name, or before the clan's, or left out. */
const sikh: DrawLine = (data, group, random) => {
  const clan = drawFamilyName(data, group, random);
  const style = random();
  const own = (gender: Gender) => (gender === 'male' ? 'Singh' : 'Kaur');
  const last = (gender: Gender) => (style < 0.32 ? own(gender) : clan);
  return {
    man: { given: drawParentName(data, group, random, 'male'), family: last('male') },
    woman: { given: drawParentName(data, group, random, 'female'), family: last('female') },
    ...(style < 0.32 ? {} : { marriedName: clan }),
    child: ({ gender }) => ({ familyName: last(gender), middle: style >= 0.32 && style < 0.8 ? [own(gender)] : [] }),
  };
};

/** The father's given name serves as the children's family name. */
const fathersName: DrawLine = (data, group, random) => {
  const father: PersonName = {
    given: drawParentName(data, group, random, 'male'),
    family: drawParentName(data, group, random, 'male'),
  };
  const settled = chance(random, 0.35) ? drawFamilyName(data, group, random) : undefined;
  return {
    man: { ...father, family: settled ?? father.family },
    woman: {
      given: drawParentName(data, group, random, 'female'),
      family: drawParentName(data, group, random, 'male'),
    },
    marriedName: settled ?? father.given,
    child: () => ({ familyName: settled ?? father.given }),
  };
};

/** The father's name may follow the child's, with bin or bint or without; al- is written in five ways. */
const arabic: DrawLine = (data, group, random) => {
  const bare = drawFamilyName(data, group, random);
  const article = pick(random, ['al-', 'Al-', 'Al ', 'El-', 'Al']);
  const name = bare.startsWith('al-') ? article + bare.slice(3) : bare;
  const father: PersonName = { given: drawParentName(data, group, random, 'male'), family: name };
  const style = random();
  return {
    man: father,
    woman: {
      given: drawParentName(data, group, random, 'female'),
      family: drawFamilyName(data, group, random).replace('al-', article),
    },
    child: ({ gender }) => ({
      familyName: name,
      middle: style < 0.4 ? [father.given] : style < 0.46 ? [gender === 'male' ? 'bin' : 'bint', father.given] : [],
    }),
  };
};

/** Three given names: the child's, the father's, the grandfather's. A wife keeps her own. */
const somali: DrawLine = (data, group, random) => {
  const grandfather = drawParentName(data, group, random, 'male');
  const father: PersonName = { given: drawParentName(data, group, random, 'male'), family: grandfather };
  const three = chance(random, 0.75);
  return {
    man: father,
    woman: {
      given: drawParentName(data, group, random, 'female'),
      family: drawParentName(data, group, random, 'male'),
    },
    child: () => (three ? { familyName: grandfather, middle: [father.given] } : { familyName: father.given }),
  };
};

/** Two family names, the mother's and the father's: in Portugal the father's is last, in Spain first. Many keep one. */
const iberian: DrawLine = (data, group, random) => {
  const fathers = drawFamilyName(data, group, random);
  const mothers = drawFamilyName(data, group, random);
  const both = group.name === 'spanish' ? `${fathers} ${mothers}` : `${mothers} ${fathers}`;
  const name = chance(random, 0.5) && fathers !== mothers ? both : fathers;
  return {
    man: { given: drawParentName(data, group, random, 'male'), family: fathers },
    woman: { given: drawParentName(data, group, random, 'female'), family: mothers },
    child: () => ({ familyName: name }),
  };
};

/** Akan names of the days of birth, Sunday first. */
const dayNames: Record<Gender, readonly (readonly string[])[]> = {
  male: [
    ['Kwasi', 'Akwasi'],
    ['Kwadwo', 'Kojo'],
    ['Kwabena', 'Kobina'],
    ['Kwaku', 'Kweku'],
    ['Yaw', 'Yao'],
    ['Kofi', 'Kofi'],
    ['Kwame', 'Kwamena'],
  ],
  female: [
    ['Akosua', 'Esi'],
    ['Adwoa', 'Adjoa'],
    ['Abena', 'Abenaa'],
    ['Akua', 'Ekua'],
    ['Yaa', 'Aba'],
    ['Afua', 'Efua'],
    ['Ama', 'Amma'],
  ],
};

const akan: DrawLine = (data, group, random) => {
  const line = inherited((name) => name)(data, group, random);
  const spelling = chance(random, 0.7) ? 0 : 1;
  const uses = chance(random, 0.5);
  return {
    ...line,
    child: (newborn) => ({
      ...line.child(newborn),
      middle: uses ? [dayNames[newborn.gender][weekdayOf(newborn.dateOfBirth)]![spelling]!] : [],
    }),
  };
};

/** Who has an English first name often has a Chinese one after it. */
const chinese: DrawLine = (data, group, random) => {
  const line = inherited((name) => name)(data, group, random);
  const both = chance(random, 0.55);
  return {
    ...line,
    child: (newborn) => ({
      ...line.child(newborn),
      middle: both && newborn.english ? [drawParentName(data, group, random, newborn.gender)] : [],
    }),
  };
};

const customs: Record<Custom, DrawLine> = {
  inherited: inherited((name) => name),
  polish,
  slavic,
  lithuanian,
  irish,
  'south-asian-muslim': southAsianMuslim,
  sikh,
  'fathers-name': fathersName,
  arabic,
  somali,
  iberian,
  akan,
  chinese,
};

function drawFamilyName(data: Data, group: Group, random: Random): string {
  const sampler = data.familyNames.get(group.name);
  if (!sampler) throw new RangeError(`There are no family names of ${group.name}`);
  return sampler(random);
}
