import { chance, createRandom, hashText, pick, type Random } from './random.js';
import { createSampler } from './sampler.js';

const everywhere = createSampler([
  ['High Street', 24],
  ['Station Road', 22],
  ['Church Lane', 16],
  ['Church Street', 15],
  ['Main Street', 14],
  ['Park Road', 13],
  ['Victoria Road', 12],
  ['Church Road', 14],
  ['London Road', 11],
  ['Green Lane', 11],
  ['Manor Road', 11],
  ['Park Avenue', 9],
  ['New Road', 9],
  ['The Crescent', 8],
  ['The Avenue', 8],
  ['Queens Road', 9],
  ['Kings Road', 8],
  ['Mill Lane', 10],
  ['The Grove', 7],
  ['School Lane', 8],
  ['Grange Road', 8],
  ['The Green', 6],
  ['York Road', 7],
  ['Springfield Road', 8],
  ['George Street', 7],
  ['Victoria Street', 7],
  ['Albert Road', 7],
  ['Chapel Street', 6],
  ['Orchard Road', 6],
  ['Highfield Road', 7],
  ['Stanley Road', 6],
  ['Alexandra Road', 6],
  ['The Drive', 6],
  ['Queen Street', 6],
  ['King Street', 6],
  ["St John's Road", 5],
  ["St Mary's Road", 4],
  ['North Street', 5],
  ['South Street', 5],
  ['West Street', 5],
  ['Windsor Road', 5],
  ['Mill Road', 5],
  ['Northfield Road', 4],
  ['Broadway', 4],
  ['The Close', 4],
  ['Back Lane', 4],
  ['Moor Lane', 4],
  ['Chester Road', 4],
  ['Chestnut Avenue', 4],
  ['Poplar Road', 4],
] as [string, number][]);

const kinds = createSampler([
  ['Road', 30],
  ['Close', 17],
  ['Street', 14],
  ['Avenue', 12],
  ['Drive', 11],
  ['Way', 6],
  ['Lane', 6],
  ['Court', 4],
  ['Gardens', 4],
  ['Crescent', 4],
  ['Grove', 4],
  ['Place', 4],
  ['Terrace', 4],
  ['Walk', 3],
  ['Rise', 2],
  ['View', 2],
  ['Mews', 2],
  ['Hill', 2],
  ['Green', 1],
  ['Square', 1],
  ['Park', 1],
] as [string, number][]);

const fronts =
  'Ash Beech Birch Bramble Bridge Broad Brook Burn Chest Clay Clover Cold Copper Crow Dale Deer East Elm Fair Fern Field Fox Glen Gold Grange Green Hal Har Hart Hawk Hazel Heath High Hill Hol Holly Horn Kings Lark Lime Long Lynd Maple Marl May Mead Mel Mill Moor Nether New North Oak Old Orchard Park Quarry Raven Red River Rook Rose Rowan Rush Sand Shel Shep Silver South Spring Stan Stone Summer Swan Thorn Upper Wal Water West Wheat White Wil Wind Wood Wren'.split(
    ' ',
  );
const backs =
  'acre bank borough bourne bridge brook burn bury by combe cot croft dale dean den down ey field ford gate grove ham hill holm house hurst land lea leigh ley mead mere moor park ridge side stead stone ton tree vale view ville wade way well wick wood worth'.split(
    ' ',
  );
const names =
  'Acacia Albany Albion Alder Alexandra Alma Almond Amberley Argyle Arundel Ashley Aspen Auckland Balmoral Bamford Barlow Bedford Belgrave Belmont Beverley Blenheim Bluebell Bradford Bramley Brunswick Buckingham Burlington Byron Cambridge Campion Canterbury Carlton Cavendish Cedar Charles Chaucer Cherry Chestnut Churchill Clarence Claremont Clarendon Clifton Coleridge Collingwood Conway Coronation Coventry Cowper Cromwell Cypress Dane Darwin Derby Devonshire Dickens Dorset Douglas Drake Durham Edward Elgar Essex Eton Exeter Fairfax Farm Fleming Foundry Foxglove Garden Garfield George Gladstone Gloucester Gordon Grafton Granville Grosvenor Hampton Hanover Harewood Harold Hastings Hawthorn Heather Henley Hereford Holmes Hornbeam Howard Hyde Inkerman Ivy Jasmine Jubilee Juniper Keats Kendal Kensington Kestrel Kingfisher Kingsley Laburnum Lancaster Langdale Lansdowne Larch Laurel Lavender Lilac Lincoln Linden Lonsdale Ludlow Magnolia Malvern Manchester Marlborough Marlowe Meadow Melbourne Melrose Milton Montague Montrose Nelson Newton Norfolk Norman Northumberland Nursery Olive Osborne Oxford Palmerston Pembroke Percy Pine Plantation Poplar Portland Primrose Prince Princess Priory Queensway Ranelagh Raleigh Rectory Regent Richmond Rosebery Rosemary Rutland Rydal Salisbury Sandringham Scott Selborne Shakespeare Shelley Sherwood Skylark Somerset Spencer Spruce Stafford Stephenson Stratford Suffolk Surrey Sussex Sycamore Talbot Tennyson Thirlmere Tower Trafalgar Trinity Tudor Ullswater Valley Vernon Vicarage Victoria Violet Walnut Warwick Waterloo Wellington Wesley Westminster Whitehall William Willow Winchester Windermere Windsor Wolseley Woodland Wordsworth Wyndham Yew'.split(
    ' ',
  );
const saints = [
  "St Andrew's",
  "St George's",
  "St James'",
  "St Luke's",
  "St Mark's",
  "St Paul's",
  "St Peter's",
  "St Michael's",
  "St Anne's",
];
const houses =
  'Rose Cottage|The Old Rectory|Orchard House|The Cottage|The Coach House|Holly Cottage|Hillside|The Lodge|The Bungalow|Meadow View|Ivy Cottage|The Old School House|Woodlands|The Barn|Primrose Cottage|Mill House|Yew Tree Cottage|Greenacres|The Old Vicarage|Fairview|Rivendell|Wayside|The Willows|Lane End|Manor Farm|Church Farm|Brook House|Oakfield|The Gables|The Haven|South View|Stable Cottage|Honeysuckle Cottage|The Old Forge|Sunnyside|Ashlea|Home Farm Cottage|The Paddocks|Beech House|Highfield House'.split(
    '|',
  );
const blocks =
  'Ashdown Austen Beaumont Birchwood Brunel Byron Cedar Churchill Darwin Elgar Fairfax Faraday Gainsborough Garrick Hardy Hawthorne Jubilee Keats Lancaster Linden Marlowe Meredith Newton Nightingale Pankhurst Peabody Pinnacle Priory Regal Riverside Rosewood Ruskin Shackleton Sovereign Stanley Telford Trinity Turner Victoria Waterside Weston Windmill Wordsworth'.split(
    ' ',
  );

/** The street that a place in a town has, always the same: streets go with the postcode, not with who lives there. */
export function streetAt(place: string): string {
  const random = createRandom(hashText(place));
  if (chance(random, 0.1)) return everywhere(random);
  const draw = random();
  if (draw < 0.05) return `${pick(random, saints)} ${kinds(random)}`;
  if (draw < 0.5) return `${pick(random, names)} ${kinds(random)}`;
  return `${placeName(random)} ${kinds(random)}`;
}

/** A made-up place, as `Thornley`: for streets, schools and surgeries. */
export function placeName(random: Random): string {
  for (;;) {
    const front = pick(random, fronts);
    const back = pick(random, backs);
    if (front.toLowerCase() !== back && front.at(-1) !== back[0]) return front + back;
  }
}

export function houseName(random: Random): string {
  return pick(random, houses);
}

export function blockName(random: Random): string {
  return `${pick(random, blocks)} ${pick(random, ['House', 'Court', 'Court', 'Point', 'Tower', 'Lodge'])}`;
}
