import type { FeedRow } from '../services/import/feed-row.js';
import { type Address, drawHome, drawNeighbourhood, type Neighbourhood } from './addresses.js';
import type { Childhood } from './births.js';
import { ageOn } from './calendar.js';
import type { Child } from './child.js';
import type { Data, Town } from './data.js';
import { drawFamily, type FamilyChild, type Parent } from './families.js';
import type { Group } from './groups.js';
import { type Abroad, drawAbroad } from './overseas.js';
import { chance, type Random } from './random.js';
import { drawService, type Service } from './services.js';

const OVERSEAS = 0.0015;
const MONONYM = 1 / 15_000;
/** A second home is in the same town mostly. */
const SECOND_HOME_NEAR = 0.65;

export interface Household {
  neighbourhood: Neighbourhood;
  group: Group;
  drawTown: (random: Random, group: Group) => Town;
  asOf: string;
  childhood: Childhood;
}

interface Living {
  home: Address;
  second: Address | undefined;
  abroad: Abroad | undefined;
  parents: Parent[];
}

/** The rows of one household's children, without their `source_id`. */
export function drawHouseholdRows(
  data: Data,
  random: Random,
  { neighbourhood, group, drawTown, asOf, childhood }: Household,
): Omit<Child, 'family'>[] {
  const family = drawFamily(data, random, group, childhood);
  const { town, district } = neighbourhood;
  const abroad = chance(random, OVERSEAS) ? drawAbroad(random, group.origin, town) : undefined;
  const elsewhere = chance(random, SECOND_HOME_NEAR) ? town : drawTown(random, group);
  const living: Living = {
    home: abroad?.home ?? drawHome(random, neighbourhood),
    second: family.twoHomes && !abroad ? drawHome(random, drawNeighbourhood(random, elsewhere)) : undefined,
    abroad,
    parents: chance(random, 0.015) ? [] : family.parents,
  };
  return family.children.map((child) => {
    const service = abroad?.school ?? drawService(random, ageOn(asOf, child.dateOfBirth), town.name, district);
    const row = toRow(child, living, service, town.authority);
    leaveOut(random, row);
    return { row, origin: group.origin, twin: child.twin };
  });
}

function toRow(
  child: FamilyChild,
  { home, second, abroad, parents }: Living,
  service: Service | undefined,
  authority: string,
): FeedRow {
  const [parent, parent2] = parents;
  return {
    source_id: '',
    given_names: child.givenNames,
    family_name: child.familyName,
    date_of_birth: child.dateOfBirth,
    gender: child.gender,
    address_line1: home.line1,
    address_line2: home.line2,
    town: home.town,
    postcode: home.postcode,
    country: abroad?.country ?? '',
    parent_name: parent?.name ?? '',
    parent_relationship: parent?.relationship ?? '',
    parent_phone: parent?.phone ?? '',
    parent_email: parent?.email ?? '',
    service_kind: service?.kind ?? '',
    service_name: service?.name ?? '',
    service_phone: service?.phone ?? '',
    former_family_name: child.formerFamilyName,
    known_as: child.knownAs,
    address2_line1: second?.line1 ?? '',
    address2_town: second?.town ?? '',
    address2_postcode: second?.postcode ?? '',
    parent2_name: parent2?.name ?? '',
    authority,
  };
}

/** What a real feed lacks now and then; and the few people who have one name only. */
function leaveOut(random: Random, row: FeedRow): void {
  const draw = random();
  if (draw < 0.003) row.gender = 'unknown';
  else if (draw < 0.0035) row.gender = 'other';
  else if (draw < 0.0065) row.postcode = '';
  if (!chance(random, MONONYM)) return;
  row.family_name = row.given_names.split(' ', 1)[0]!;
  row.given_names = '';
  row.former_family_name = '';
  row.known_as = '';
}
