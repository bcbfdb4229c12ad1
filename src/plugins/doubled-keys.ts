/**
 * Whether an object in JSON names one of its keys twice: parsers then take the one or the other, and whoever looked at
 * it before us may have taken the other. @param json well-formed, of an object
 */
export function hasDoubledKey(json: string): boolean {
  const seen = new Set<string>();
  let depth = 0;
  for (const [, text, colon, bracket] of json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|([{}[\]])/g)) {
    if (bracket !== undefined) depth += bracket === '{' || bracket === '[' ? 1 : -1;
    else if (text !== undefined && colon !== undefined && depth === 1) {
      const key = JSON.parse(text) as string;
      if (seen.has(key)) return true;
      seen.add(key);
    }
  }
  return false;
}
