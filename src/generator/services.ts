import { drawLandline } from './contact.js';
import { chance, createRandom, hashText, pick, type Random } from './random.js';
import { placeName } from './streets.js';

export interface Service {
  kind: 'educational-setting' | 'gp-practice' | 'other';
  name: string;
  phone: string;
}

const saints = [
  "St Mary's",
  "St John's",
  "St Peter's",
  "St Joseph's",
  'Holy Trinity',
  "St Anne's",
  "St Michael's",
  'All Saints',
  "St Paul's",
  'St Thomas More',
];
/** How many of each there are in one postcode district, about 2,000 to 3,000 children. */
const NURSERIES = 12;
const PRIMARIES = 9;
const SECONDARIES = 2;
const SURGERIES = 4;
const OTHERS = 3;

/** The service that the feed names for a child of this age: what is nearest, the same for the whole district. */
export function drawService(random: Random, age: number, town: string, district: string): Service | undefined {
  const draw = random();
  if (draw < 0.02) return undefined;
  if (draw < 0.04) return serviceAt('other', pickSlot(random, OTHERS), town, district);
  const atSchool = age < 2 ? 0.1 : age < 5 ? 0.45 : 0.82;
  if (draw > atSchool) return serviceAt('gp-practice', pickSlot(random, SURGERIES), town, district);
  if (age < 4) return serviceAt('nursery', pickSlot(random, NURSERIES), town, district);
  if (age < 11) return serviceAt('primary', pickSlot(random, PRIMARIES), town, district);
  return serviceAt('secondary', pickSlot(random, SECONDARIES), town, district);
}

type Kind = 'nursery' | 'primary' | 'secondary' | 'gp-practice' | 'other';

function pickSlot(random: Random, slots: number): number {
  return Math.floor(random() * slots);
}

function serviceAt(kind: Kind, slot: number, town: string, district: string): Service {
  const random = createRandom(hashText(`${district} ${kind} ${slot}`));
  return {
    kind: kind === 'gp-practice' || kind === 'other' ? kind : 'educational-setting',
    name: nameOf(kind, random, town),
    phone: drawLandline(random, district),
  };
}

function nameOf(kind: Kind, random: Random, town: string): string {
  const place = placeName(random);
  switch (kind) {
    case 'nursery':
      return `${place} ${pick(random, ['Nursery', 'Day Nursery', 'Pre-School', 'Nursery School', "Children's Centre"])}`;
    case 'primary':
      if (chance(random, 0.24)) return `${pick(random, saints)} Church of England Primary School`;
      if (chance(random, 0.13)) return `${pick(random, saints)} Catholic Primary School`;
      return `${place} ${pick(random, ['Primary School', 'Primary School', 'Community Primary School', 'Primary Academy', 'Junior School'])}`;
    case 'secondary':
      if (chance(random, 0.15)) return `${pick(random, saints)} Catholic High School`;
      if (chance(random, 0.1)) return `${town} ${pick(random, ['Grammar School', 'High School', 'Academy'])}`;
      return `${place} ${pick(random, ['Academy', 'High School', 'School', 'Community College', 'Secondary School'])}`;
    case 'gp-practice':
      return `${place} ${pick(random, ['Surgery', 'Medical Centre', 'Health Centre', 'Medical Practice', 'Family Practice'])}`;
    case 'other':
      return `${place} ${pick(random, ['Family Hub', 'Youth Club', 'Family Centre', 'Sports Club'])}`;
  }
}
