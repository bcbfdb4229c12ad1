import { createTownSampler, drawNeighbourhood } from './addresses.js';
import { childhoodAt } from './births.js';
import type { Child } from './child.js';
import { readData } from './data.js';
import { drawHouseholdRows } from './household.js';
import { between, chance, createRandom } from './random.js';

export interface PopulationOptions {
  /** A whole number; each gives another population. */
  seed: number;
  /** YYYY-MM-DD; everybody is under 18 on that day. */
  asOf: string;
}

/** Families with children at one postcode: about a third of its fifteen households. */
const FEWEST_FAMILIES = 2;
const MOST_FAMILIES = 8;
/** How many of a neighbourhood's families are of its main group; the others are drawn from the whole country. */
const MAIN_GROUP = 0.5;

/**
 * Children without end, postcode by postcode and family by family. Each neighbourhood has a random stream of its own
 * and nothing is drawn for the whole, so the first children are the same however many are asked for.
 */
export function* drawChildren({ seed, asOf }: PopulationOptions): Generator<Child, never> {
  const data = readData();
  const childhood = childhoodAt(asOf);
  const drawTown = createTownSampler(data);
  let children = 0;
  let families = 0;
  for (let place = 0; ; place++) {
    const random = createRandom(seed, place);
    const main = data.sampleGroup(random);
    const neighbourhood = drawNeighbourhood(random, drawTown(random, main));
    const count = between(random, FEWEST_FAMILIES, MOST_FAMILIES);
    for (let household = 0; household < count; household++) {
      const group = chance(random, MAIN_GROUP) ? main : data.sampleGroup(random);
      families++;
      for (const child of drawHouseholdRows(data, random, { neighbourhood, group, drawTown, asOf, childhood })) {
        children++;
        child.row.source_id = `g${seed}-${children}`;
        yield { ...child, family: families };
      }
    }
  }
}
