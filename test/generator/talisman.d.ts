declare module 'talisman/metrics/damerau-levenshtein.js' {
  /** Insertions, deletions, substitutions and transpositions between two strings. */
  export default function distance(a: string, b: string): number;
}
