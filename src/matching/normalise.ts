import anyAscii from 'any-ascii';
import { PARTICLES } from './data/particles.js';

/** Nobody's name has more parts than this; more is noise, and pairs of them would be many. */
const MOST_TOKENS = 8;
const LONGEST_TEXT = 200;

/** A name as compared: its parts without case, accents, punctuation or script. */
export interface NamePart {
  /** `['vanderberg', 'smith']` */
  tokens: readonly string[];
  /** The tokens without their particles: `['berg', 'smith']` */
  cores: readonly string[];
  /** `'vanderbergsmith'`, in which a misplaced space makes no difference. */
  joined: string;
  /** Typed with a wildcard: any ending will do. */
  open?: true;
}

const APOSTROPHES = /['’‘ʻʼ`´ʹ＇]\s*/gu;
const NEITHER_LETTER_NOR_DIGIT = /[^\p{L}\p{M}\p{N}]+/gu;
const PLAIN = /^[a-z0-9 ]*$/;

/** Lower-case ASCII words of any script, separated by single spaces: `'Łukasz O’Brien-Óg'` → `'lukasz obrien og'`. */
export function fold(text: string): string {
  const cut = text.length > LONGEST_TEXT ? text.slice(0, LONGEST_TEXT) : text;
  const lower = cut.toLowerCase();
  if (PLAIN.test(lower)) return lower.replace(/ +/g, ' ').trim();
  const words = cut.normalize('NFKC').replace(APOSTROPHES, '').replace(NEITHER_LETTER_NOR_DIGIT, ' ');
  return words
    .split(' ')
    .map((word) =>
      anyAscii(word)
        .toLowerCase()
        .replace(/[^a-z0-9]/g, ''),
    )
    .filter((word) => word !== '')
    .join(' ');
}

/** The parts of a given or family name. Particles go with what follows them; words of digits alone are no name. */
export function parseName(text: string): NamePart {
  const words = fold(text)
    .split(' ')
    .filter((word) => /[a-z]/.test(word));
  const tokens: string[] = [];
  const cores: string[] = [];
  let particles = '';
  for (const [position, word] of words.entries()) {
    if (tokens.length === MOST_TOKENS) break;
    const next = words[position + 1];
    if (next !== undefined && next.length > 1 && PARTICLES.has(word)) {
      particles += canonicalParticle(word);
      continue;
    }
    tokens.push(particles + word);
    cores.push(word);
    particles = '';
  }
  return { tokens, cores, joined: tokens.join('') };
}

function canonicalParticle(word: string): string {
  return word === 'saint' ? 'st' : word;
}

/**
 * Normalised parts of a name: `'Ó Súilleabháin-Smith'` → `['osuilleabhain', 'smith']`, `'van der Berg'` → `['vanderberg']`.
 * What the index, the name frequencies and the score all call a name.
 */
export function nameTokens(text: string): string[] {
  return [...parseName(text).tokens];
}

/** Every form a name may be met by as an exact term: parts, parts without particles, neighbouring parts joined, all joined. */
export function nameForms(text: string): string[] {
  const { tokens, cores, joined } = parseName(text);
  const forms = new Set([...tokens, ...cores.filter((core) => core.length > 2)]);
  for (let at = 0; at + 1 < tokens.length; at++) forms.add(`${tokens[at]}${tokens[at + 1]}`);
  if (joined !== '') forms.add(joined);
  return [...forms];
}
