/**
 * What one search and those beside it have in common. What depends on how common names are begins anew with each count of
 * them, so that more would have memory rise and fall by it every quarter of an hour.
 */
const MOST_REMEMBERED = 2_000;
/** Of what takes much room and is soon worked out. */
export const FEW = 200;
/** Of what takes little room, and stays right whatever is counted. */
export const MANY = 20_000;
const MOST_PAIRS = 10_000;

/**
 * Keeps what a pure function of a text has given; what it gives as undefined is worked out each time. Two generations, the
 * older one dropped as a whole: a Map looks for its first entry past all those that were deleted before it.
 * @param most of how many texts; those not asked for lately are forgotten
 */
export function remember<T>(work: (text: string) => T, most = MOST_REMEMBERED): (text: string) => T {
  let young = new Map<string, T>();
  let old = new Map<string, T>();
  return (text) => {
    const known = young.get(text);
    if (known !== undefined) return known;
    const value = old.get(text) ?? work(text);
    if (young.size >= most / 2) {
      old = young;
      young = new Map();
    }
    young.set(text, value);
    return value;
  };
}

/** The same of two texts. Two maps, one in the other: to join the texts would cost more than most answers. */
export function rememberPairs<T>(work: (a: string, b: string) => T): (a: string, b: string) => T {
  let young = new Map<string, Map<string, T>>();
  let old = new Map<string, Map<string, T>>();
  let remembered = 0;
  return (a, b) => {
    const known = young.get(a)?.get(b);
    if (known !== undefined) return known;
    const value = old.get(a)?.get(b) ?? work(a, b);
    if (remembered >= MOST_PAIRS / 2) {
      old = young;
      young = new Map();
      remembered = 0;
    }
    const ofA = young.get(a);
    if (ofA) ofA.set(b, value);
    else young.set(a, new Map([[b, value]]));
    remembered++;
    return value;
  };
}
