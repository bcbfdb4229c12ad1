import anyAscii from 'any-ascii';
import type { Group } from './groups.js';
import { chance, type Random } from './random.js';

/** How an office wrote a family's names down: the same way for all of them. */
export type RecordStyle = (name: string) => string;

export function drawRecordStyle(random: Random, group: Group): RecordStyle {
  const losesMarks = chance(random, group.losesMarks);
  const draw = random();
  return (name) => {
    let written = name;
    if (losesMarks && !isAscii(written)) written = anyAscii(written);
    if (draw < 0.04) written = written.replace(/\b([OD])'(?=[A-Z])/g, '$1');
    else if (draw < 0.06) written = written.replace(/\b([OD])'(?=[A-Z])/g, '$1 ');
    if (draw > 0.94)
      written = written.replace(/\b(Ma?c)([A-Z])/g, (_, mac: string, letter: string) => mac + letter.toLowerCase());
    if (group.name === 'hong-kong' && draw < 0.45) written = unhyphenate(written, draw < 0.35 ? ' ' : '');
    return written;
  };
}

/** Ka-Ho is written Ka Ho, or Kaho. */
function unhyphenate(name: string, mark: string): string {
  return name.replace(/-(\p{Lu})/gu, (_, letter: string) => mark + (mark === '' ? letter.toLowerCase() : letter));
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}
