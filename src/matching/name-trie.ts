/** Names longer than this are not searched by typo: nobody's is, and there are so many bits. */
const LONGEST = 29;
const NONE = -1;

export type Edits = 1 | 2;

/** A set of lower-case ASCII names that can be asked which of them are within so many edits of a word. */
export interface NameTrie {
  readonly size: number;
  /** Names at an optimal string alignment distance of at most `most` (insert, delete, substitute, swap neighbours), in order of the alphabet. */
  within(word: string, most: Edits): string[];
}

/**
 * Builds a trie and carries down each branch how much of the word is met with how many edits, given up when nothing is
 * (Shang & Merrettal 1996, "Tries for approximate string matching"), all of it as bits (Wu & Manber 1992, "Fast text
 * searching allowing errors"; swapped neighbours: Hyyrö 2003, "A bit-vector algorithm for computing Levenshtein and
 * Damerau edit distances"). Most of what such a search visits is short beginnings with all edits spent on them. But of two
 * edits, one half of the word has one at most: so the names are looked through from the front with few edits allowed in
 * the first half, and from the back with few in the second. Some 90,000 names take about 10 MB.
 * @param names sorted by code unit and distinct
 */
export function createNameTrie(names: readonly string[]): NameTrie {
  const forward = layOut(names);
  const turned = names.map((name, at) => ({ text: reverse(name), at })).sort((a, b) => (a.text < b.text ? -1 : 1));
  const backward = layOut(turned.map(({ text }) => text));
  const search = createSearch();
  return {
    size: names.length,
    within(word, most) {
      const { length } = word;
      if (length === 0 || length > LONGEST || names.length === 0) return [];
      // The letter in the middle is in neither half, so that no edit counts in both.
      const firstHalf = Math.floor((length - 1) / 2);
      const found = new Set(search(forward, word, most, firstHalf));
      for (const place of search(backward, reverse(word), most, length - 1 - firstHalf))
        found.add((turned[place] as { at: number }).at);
      return [...found].sort((a, b) => a - b).map((at) => names[at] as string);
    },
  };
}

function reverse(text: string): string {
  return [...text].reverse().join('');
}

type Search = (nodes: Nodes, word: string, most: Edits, half: number) => number[];

/** Searches with one table for them all; they are never at work at the same time. */
function createSearch(): Search {
  // Bit i of a letter: it is the i-th of the word, counted from 1.
  const places = new Int32Array(256);
  return (nodes, word, most, half) => {
    const { length } = word;
    const found: number[] = [];
    for (let at = 0; at < length; at++) places[word.charCodeAt(at) & 0xff]! |= 2 << at;
    const whole = 1 << length;
    const within = 2 * whole - 1;
    // The last edit may be spent in the second half alone.
    const inSecondHalf = within & ~((2 << half) - 1);
    const [afterOne, afterTwo] = most === 2 ? [within, inSecondHalf] : [inSecondHalf, 0];

    // Bit i of a set: the first i letters of the word are met, with no, one or two edits; `elder` sets are of one letter before.
    const descend = (
      parent: number,
      above: number,
      elderNone: number,
      elderOne: number,
      none: number,
      one: number,
      two: number,
    ): void => {
      for (let node = nodes.child[parent]!; node !== NONE; node = nodes.sibling[node]!) {
        const here = places[nodes.letter[node]!]!;
        const swapped = above & (here << 1);
        const nextNone = (none << 1) & here;
        const nextOne =
          (((one << 1) & here) | none | ((none | nextNone) << 1) | ((elderNone << 2) & swapped)) & afterOne;
        const nextTwo = (((two << 1) & here) | one | ((one | nextOne) << 1) | ((elderOne << 2) & swapped)) & afterTwo;
        const reached = nextNone | nextOne | nextTwo;
        if (reached === 0) continue;
        const name = nodes.name[node]!;
        if (name !== NONE && (reached & whole) !== 0) found.push(name);
        descend(node, here, none, one, nextNone, nextOne, nextTwo);
      }
    };
    descend(0, 0, 0, 0, 1, 2 & afterOne, 4 & afterTwo);
    for (let at = 0; at < length; at++) places[word.charCodeAt(at) & 0xff] = 0;
    return found;
  };
}

interface Nodes {
  letter: Uint8Array;
  child: Int32Array;
  sibling: Int32Array;
  /** Which name ends here. */
  name: Int32Array;
}

function layOut(names: readonly string[]): Nodes {
  const most = names.reduce((sum, name) => sum + name.length, 1);
  const letter = new Uint8Array(most);
  const child = new Int32Array(most).fill(NONE);
  const sibling = new Int32Array(most).fill(NONE);
  const name = new Int32Array(most).fill(NONE);
  // The branch that ends at the last name, and the last child of each of its nodes.
  const branch = [0];
  const youngest: number[] = [NONE];
  let used = 1;
  let last = '';
  for (const [at, text] of names.entries()) {
    let depth = 0;
    while (depth < last.length && depth < text.length && last[depth] === text[depth]) depth++;
    branch.length = depth + 1;
    youngest.length = depth + 1;
    for (; depth < text.length; depth++) {
      const node = used++;
      letter[node] = text.charCodeAt(depth);
      const elder = youngest[depth] as number;
      if (elder === NONE) child[branch[depth] as number] = node;
      else sibling[elder] = node;
      youngest[depth] = node;
      branch.push(node);
      youngest.push(NONE);
    }
    name[branch[text.length] as number] = at;
    last = text;
  }
  return {
    letter: letter.slice(0, used),
    child: child.slice(0, used),
    sibling: sibling.slice(0, used),
    name: name.slice(0, used),
  };
}
