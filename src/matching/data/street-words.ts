/** Kinds of street: they end a street's name. */
const KINDS = `
street: st str strt
road: rd
avenue: ave av aven
lane: ln la
close: cl clo
drive: dr drv
court: ct crt
crescent: cres cresc cr crs
gardens: gdns gdn gds garden
grove: gr grv gro
place: pl plc
square: sq
terrace: ter terr tce
walk: wlk
way: wy
park: pk
hill: hl
green: grn
mews: mws
circuit: cct circ
circle: cir
parade: pde par
boulevard: blvd bvd
highway: hwy
row: rw
rise: rse
view: vw
heights: hts
mount: mt
meadow: mdw meadows mdws
passage: psge
path: pth
quay: qy
yard: yd
bank: bnk
vale: vle
wharf: whf
chase: chs
croft: cft
fields: field flds
garth: gth
`;

/** Other words of an address that are often cut short. */
const OTHERS = `
house: hse ho
lodge: ldg
farm: fm
north: nth
south: sth
upper: upr
lower: lwr
great: gt
little: lt lit
buildings: bldgs bldg building
mansions: mans
cottages: cotts cottage cott
villas: vls
estate: est
`;

/** The words that end a street's name, in full. */
export const STREET_KINDS: ReadonlySet<string> = new Set(readTable(KINDS).values());

/** Each way to write a word of an address → the word in full. `St` is read as Street; before a name it is a saint, alike on both sides. */
export const STREET_WORDS: ReadonlyMap<string, string> = new Map([...readTable(KINDS), ...readTable(OTHERS)]);

function readTable(table: string): Map<string, string> {
  return new Map(
    table
      .trim()
      .split('\n')
      .flatMap((line) => {
        const [word, forms] = line.split(': ') as [string, string];
        return [word, ...forms.split(' ')].map((form) => [form, word] as const);
      }),
  );
}

/** What stands before the number of a part of a house. */
export const UNIT_WORDS: ReadonlySet<string> = new Set(
  'flat flt apartment apt unit room rm studio suite maisonette floor no number plot caravan pitch'.split(' '),
);

/** Words of a town's name that are left out or added at will. */
export const LOCALITY_WORDS: ReadonlySet<string> = new Set(
  'upon on in by le of and the city town borough county district royal near under'.split(' '),
);
