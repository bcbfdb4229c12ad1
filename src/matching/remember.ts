/** Beyond this many entries what was remembered is forgotten, so that a scorer may serve for long. */
const MOST_REMEMBERED = 20_000;

/** Keeps what a pure function of a text has given. */
export function remember<T>(work: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    if (known.has(text)) return known.get(text) as T;
    if (known.size >= MOST_REMEMBERED) known.clear();
    const value = work(text);
    known.set(text, value);
    return value;
  };
}

/** Keeps what a pure function of two texts has given. */
export function rememberPairs<T>(work: (a: string, b: string) => T): (a: string, b: string) => T {
  const known = new Map<string, T>();
  return (a, b) => {
    const key = `${a}\n${b}`;
    let value = known.get(key);
    if (value === undefined) {
      if (known.size >= MOST_REMEMBERED) known.clear();
      value = work(a, b);
      known.set(key, value);
    }
    return value;
  };
}
