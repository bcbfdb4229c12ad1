import { familyKinship, givenKinship } from './nicknames.js';
import { phoneticKeys } from './phonetic.js';
import { MANY, remember } from './remember.js';
import { editDistance, jaroWinkler } from './strings.js';

export type Role = 'given' | 'family';

/** How two single tokens of a name compare, best first. */
export const TOKEN_LEVELS = [
  'exact',
  'spelling',
  'nickname',
  'shared-nickname',
  'slip',
  'typo',
  'phonetic',
  'two-typos',
  'abbreviated',
  'initial',
  'close',
  'different',
] as const;
export type TokenLevel = (typeof TOKEN_LEVELS)[number];

/** Jaro-Winkler similarity above which two long tokens are called close. */
const CLOSE = 0.88;
/** Below this no two tokens are within the edits that count (two of five letters leave 0.7, a swap in three 0.55). */
const LEAST_LIKE = 0.55;
/**
 * Similarity that sounding alike needs beside it: less where both sound codes agree, since either alone makes false friends
 * (and needs the same first letter).
 */
const ALIKE_BY_BOTH = 0.7;
const ALIKE_BY_ONE = 0.8;

/**
 * The level of a typed token against a recorded one. Symmetric, but that only the typed one may abbreviate the other.
 * Lengths decide how much difference is a typo: one edit from three letters (or two with the first the same), two from five.
 */
export function compareTokens(typed: string, recorded: string, role: Role): TokenLevel {
  if (typed === recorded) return 'exact';
  const shorter = Math.min(typed.length, recorded.length);
  const longer = Math.max(typed.length, recorded.length);
  if (shorter === 1) return typed[0] === recorded[0] ? 'initial' : 'different';
  const kinship = role === 'given' ? givenKinship(typed, recorded) : familyKinship(typed, recorded);
  if (kinship === 'spelling') return 'spelling';
  if (kinship === 'form') return 'nickname';
  const similarity = jaroWinkler(typed, recorded);
  if (similarity < LEAST_LIKE) return kinship === 'shared-form' ? 'shared-nickname' : 'different';
  const distance = editDistance(typed, recorded, longer >= 9 ? 3 : 2);
  if (distance === 1 && (longer >= 3 || typed[0] === recorded[0])) return isSlip(typed, recorded) ? 'slip' : 'typo';
  if (kinship === 'shared-form') return 'shared-nickname';
  if (similarity >= ALIKE_BY_BOTH && soundAlike(typed, recorded, similarity)) return 'phonetic';
  if (distance === 2 && longer >= 5) return 'two-typos';
  if (typed.length >= 3 && recorded.startsWith(typed)) return 'abbreviated';
  if (distance <= 3 && longer >= 9) return 'close';
  return similarity >= CLOSE && shorter >= 4 ? 'close' : 'different';
}

/** Sound codes that say enough: of two sounds at least. */
interface Sounds {
  metaphones: readonly string[];
  skeleton: string | undefined;
}

// One search compares a typed name with hundreds, and the next one meets most of these again.
const soundsOf = remember((token): Sounds => {
  const keys = phoneticKeys(token).filter((key) => key.length > 3);
  return {
    metaphones: keys.filter((key) => key.startsWith('m:')),
    skeleton: keys.find((key) => key.startsWith('s:')),
  };
}, MANY);

function soundAlike(typed: string, recorded: string, similarity: number): boolean {
  const a = soundsOf(typed);
  const b = soundsOf(recorded);
  const metaphone = a.metaphones.some((key) => b.metaphones.includes(key));
  const skeleton = a.skeleton !== undefined && a.skeleton === b.skeleton;
  return similarity >= ALIKE_BY_ONE && typed[0] === recorded[0] ? metaphone || skeleton : metaphone && skeleton;
}

const KEYBOARD = ['qwertyuiop', 'asdfghjkl', 'zxcvbnm'];
/** Pairs that scanners and hasty readers confuse. */
const LOOKALIKES = new Set(['0o', '1l', '1i', '5s', '8b', '2z', '6g', '3e', '4a', 'il', 'mn', 'uv', 'vy', 'ce', 'ao']);

/** One edit of the kinds hands and eyes make most: neighbours swapped, a letter doubled or undoubled, the key beside, a look-alike. */
function isSlip(a: string, b: string): boolean {
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at++;
  if (a.length !== b.length) {
    const extra = a.length > b.length ? a : b;
    return extra[at] === extra[at - 1] || extra[at] === extra[at + 1];
  }
  const [x, y] = [a[at] as string, b[at] as string];
  if (a.slice(at + 1) !== b.slice(at + 1)) return true;
  return LOOKALIKES.has(x < y ? x + y : y + x) || besideOnKeyboard(x, y);
}

function besideOnKeyboard(x: string, y: string): boolean {
  for (const [row, keys] of KEYBOARD.entries()) {
    const column = keys.indexOf(x);
    if (column < 0) continue;
    if (keys[column - 1] === y || keys[column + 1] === y) return true;
    // Rows are offset by half a key: below sit the same column and the one before, above the same and the one after.
    const below = KEYBOARD[row + 1];
    const above = KEYBOARD[row - 1];
    if (below && (below[column] === y || below[column - 1] === y)) return true;
    if (above && (above[column] === y || above[column + 1] === y)) return true;
  }
  return false;
}
