import type { Data, Town } from './data.js';
import type { Group } from './groups.js';
import { between, chance, pick, type Random } from './random.js';
import { createSampler, type Sampler } from './sampler.js';
import { blockName, houseName, streetAt } from './streets.js';

export interface Address {
  line1: string;
  line2: string;
  town: string;
  postcode: string;
}

/** One postcode and what stands there: about fifteen households, of which some have children. */
export interface Neighbourhood {
  town: Town;
  district: string;
  postcode: string;
  street: string;
  kind: 'houses' | 'flats' | 'country';
  block: string;
  taken: Set<number>;
}

/** Letters that a postcode's inward part uses. */
const UNIT_LETTERS = 'ABDEFGHJLNPQRSTUWXYZ';
/** How much likelier a group lives where it has settled. */
const SETTLED = 6;
const HOUSES_ON_A_POSTCODE = 34;

/** Draws towns as a group is spread over them: by children, by how mixed the town is, and by where the group has settled. */
export function createTownSampler({ towns, groups }: Data): (random: Random, group: Group) => Town {
  const byGroup = new Map<string, Sampler<Town>>();
  for (const group of groups) {
    const entries = towns.map((town): [Town, number] => [town, town.children * affinity(town, group)]);
    byGroup.set(group.name, createSampler(entries));
  }
  return (random, group) => byGroup.get(group.name)!(random);
}

function affinity(town: Town, group: Group): number {
  const settled = town.settled.includes(group.name) ? SETTLED : 1;
  return settled * (group.native ? 1 - town.minority : town.minority);
}

export function drawNeighbourhood(random: Random, town: Town): Neighbourhood {
  const district = pick(random, town.districts);
  const sector = between(random, 1, 9);
  const unit = between(random, 0, UNIT_LETTERS.length ** 2 - 1);
  const letters = UNIT_LETTERS[Math.floor(unit / UNIT_LETTERS.length)]! + UNIT_LETTERS[unit % UNIT_LETTERS.length]!;
  // A street has two postcodes, one for each half of its numbers.
  const place = `${district} ${sector} ${Math.floor(unit / 2)}`;
  const draw = random();
  const dense = town.minority;
  return {
    town,
    district,
    postcode: `${district} ${sector}${letters}`,
    street: streetAt(place),
    kind: draw < 0.1 + 0.25 * dense ? 'flats' : draw > 0.93 + 0.2 * dense ? 'country' : 'houses',
    block: blockName(random),
    taken: new Set(),
  };
}

/** A dwelling of the neighbourhood that nobody has been given yet. */
export function drawHome(random: Random, neighbourhood: Neighbourhood): Address {
  const { town, postcode, street, kind, block, taken } = neighbourhood;
  let number = between(random, 1, HOUSES_ON_A_POSTCODE);
  while (taken.has(number)) number = (number % HOUSES_ON_A_POSTCODE) + 1;
  taken.add(number);
  const upper = postcode.charCodeAt(postcode.length - 1) % 2 === 0 ? HOUSES_ON_A_POSTCODE : 0;
  const onStreet = `${number + upper} ${street}`;
  const address = { line1: onStreet, line2: '', town: town.name, postcode };
  if (kind === 'flats') {
    return chance(random, 0.7)
      ? { ...address, line1: `Flat ${number}, ${block}`, line2: street }
      : { ...address, line1: `Flat ${number}`, line2: `${block}, ${street}` };
  }
  if (kind === 'country' && chance(random, 0.6)) return { ...address, line1: `${houseName(random)}, ${street}` };
  const draw = random();
  if (draw < 0.05) return { ...address, line1: `Flat ${pick(random, ['1', '2', '3', 'A', 'B'])}, ${onStreet}` };
  if (draw < 0.065) return { ...address, line1: `${number + upper}${pick(random, ['A', 'B'])} ${street}` };
  if (draw < 0.08) return { ...address, line1: houseName(random), line2: onStreet };
  return address;
}
