import jaroWinklerOf from 'talisman/metrics/jaro-winkler.js';

/**
 * Optimal string alignment distance (Damerau 1964: insert, delete, substitute, swap neighbours), given up past `most`.
 * @returns the distance, or `most + 1` if it is greater
 */
export function editDistance(a: string, b: string, most: number): number {
  if (a === b) return 0;
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let start = 0;
  while (start < a.length && a.charCodeAt(start) === b.charCodeAt(start)) start++;
  let end = 0;
  const room = Math.min(a.length, b.length) - start;
  while (end < room && a.charCodeAt(a.length - 1 - end) === b.charCodeAt(b.length - 1 - end)) end++;
  const s = a.slice(start, a.length - end);
  const t = b.slice(start, b.length - end);
  if (s.length === 0 || t.length === 0) return Math.min(Math.max(s.length, t.length), most + 1);
  return alignmentDistance(s, t, most);
}

/** Only cells within `most` of the diagonal can matter (Ukkonen 1985); three rows live in one array. */
function alignmentDistance(s: string, t: string, most: number): number {
  const width = t.length + 1;
  const rows = new Uint8Array(3 * width).fill(most + 1);
  for (let column = 0; column <= Math.min(most, t.length); column++) rows[column] = column;
  let [before, previous, current] = [2 * width, 0, width];
  for (let row = 1; row <= s.length; row++) {
    const from = Math.max(1, row - most);
    const to = Math.min(t.length, row + most);
    rows.fill(most + 1, current, current + width);
    if (row <= most) rows[current] = row;
    let least = row <= most ? row : most + 1;
    for (let column = from; column <= to; column++) {
      const letter = s.charCodeAt(row - 1);
      let distance = rows[previous + column - 1]! + (letter === t.charCodeAt(column - 1) ? 0 : 1);
      distance = Math.min(distance, rows[previous + column]! + 1, rows[current + column - 1]! + 1);
      if (
        row > 1 &&
        column > 1 &&
        letter === t.charCodeAt(column - 2) &&
        s.charCodeAt(row - 2) === t.charCodeAt(column - 1)
      ) {
        distance = Math.min(distance, rows[before + column - 2]! + 1);
      }
      rows[current + column] = distance;
      if (distance < least) least = distance;
    }
    if (least > most) return most + 1;
    [before, previous, current] = [previous, current, before];
  }
  return Math.min(rows[previous + t.length]!, most + 1);
}

/** Similarity 0..1 that forgives differences late in a word (Winkler 1990). */
export function jaroWinkler(a: string, b: string): number {
  return jaroWinklerOf(a, b);
}
