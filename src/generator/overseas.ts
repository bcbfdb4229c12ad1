import type { Address } from './addresses.js';
import { drawLandline } from './contact.js';
import type { Town } from './data.js';
import { between, pick, type Random } from './random.js';
import type { Service } from './services.js';
import { placeName } from './streets.js';

const cities: Record<string, readonly (readonly [country: string, town: string, streets: string])[]> = {
  british: [
    ['United Arab Emirates', 'Dubai', 'Al Wasl Road|Jumeirah Beach Road'],
    ['Cyprus', 'Limassol', 'Makarios Avenue'],
    ['Germany', 'Paderborn', 'Driburger Straße'],
    ['Singapore', 'Singapore', 'Bukit Timah Road|Orchard Road'],
    ['Kenya', 'Nairobi', 'Ngong Road'],
    ['Spain', 'Marbella', 'Avenida Ricardo Soriano'],
  ],
  chinese: [
    ['Hong Kong', 'Kowloon', 'Nathan Road|Waterloo Road|Prince Edward Road West'],
    ['China', 'Shanghai', 'Huaihai Zhong Lu|Nanjing Xi Lu'],
    ['China', 'Shenzhen', 'Shennan Dadao'],
    ['Malaysia', 'Kuala Lumpur', 'Jalan Ampang'],
  ],
  'west-african': [
    ['Nigeria', 'Lagos', 'Awolowo Road|Admiralty Way|Allen Avenue'],
    ['Nigeria', 'Abuja', 'Aminu Kano Crescent'],
    ['Ghana', 'Accra', 'Ring Road East|Liberation Road'],
  ],
  arabic: [
    ['Kuwait', 'Kuwait City', 'Salem Al Mubarak Street'],
    ['Qatar', 'Doha', 'Al Corniche Street'],
    ['Saudi Arabia', 'Jeddah', 'Tahlia Street'],
  ],
};
const schools = ['School', 'College', 'Hall School', 'Abbey School'];

export interface Abroad {
  home: Address;
  country: string;
  school: Service;
}

/** Parents' home abroad and the English boarding school that feeds the child in. No postcode: few places there have one like ours. */
export function drawAbroad(random: Random, origin: string, town: Town): Abroad {
  const [country, city, streets] = pick(random, cities[origin] ?? cities.british!);
  const flat = random() < 0.5 ? `Flat ${between(random, 1, 30)}${pick(random, ['A', 'B', 'C', ''])}, ` : '';
  return {
    home: {
      line1: `${flat}${between(random, 1, 400)} ${pick(random, streets.split('|'))}`,
      line2: '',
      town: city,
      postcode: '',
    },
    country,
    school: {
      kind: 'educational-setting',
      name: `${placeName(random)} ${pick(random, schools)}`,
      phone: drawLandline(random, town.districts[0]!),
    },
  };
}
