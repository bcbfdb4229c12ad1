/**
 * What one search and those beside it have in common. What depends on how common names are begins anew with each count of
 * them, so that more would have memory rise and fall by it every quarter of an hour.
 */
const MOST_REMEMBERED = 2_000;
/** Of what takes little room. */
export const MANY = 20_000;
const MOST_PAIRS = 10_000;

/** Keeps what a pure function of a text has given. @param most of how many texts; of more the first is forgotten */
export function remember<T>(work: (text: string) => T, most = MOST_REMEMBERED): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    if (known.has(text)) return known.get(text) as T;
    if (known.size >= most) known.delete(known.keys().next().value as string);
    const value = work(text);
    known.set(text, value);
    return value;
  };
}

/** Keeps what a pure function of two texts has given. Two maps, one in the other: to join the texts would cost more than most answers. */
export function rememberPairs<T>(work: (a: string, b: string) => T): (a: string, b: string) => T {
  const known = new Map<string, Map<string, T>>();
  let remembered = 0;
  return (a, b) => {
    let ofA = known.get(a);
    let value = ofA?.get(b);
    if (value === undefined) {
      if (remembered >= MOST_PAIRS) {
        known.clear();
        remembered = 0;
        ofA = undefined;
      }
      value = work(a, b);
      if (!ofA) {
        ofA = new Map();
        known.set(a, ofA);
      }
      ofA.set(b, value);
      remembered++;
    }
    return value;
  };
}
