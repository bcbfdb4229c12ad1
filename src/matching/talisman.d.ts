declare module 'talisman/metrics/jaro-winkler.js' {
  /** Similarity of two strings, 0..1 (Winkler 1990). */
  export default function jaroWinkler(a: string, b: string): number;
}
