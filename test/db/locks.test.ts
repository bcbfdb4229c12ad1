import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { projectRoot } from '../../src/config.js';
import { locks } from '../../src/db/locks.js';

const sources = (folder: string) =>
  readdirSync(path.join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.join(folder, file));

t.test('no two things take the same advisory lock', async (t) => {
  const numbers: number[] = Object.values(locks);
  t.equal(new Set(numbers).size, numbers.length);
  const written = ['src', 'workers', 'stack']
    .flatMap(sources)
    .filter((file) => file !== path.join('src', 'db', 'locks.ts'));
  t.ok(written.length > 200);
  for (const file of written) {
    const text = readFileSync(path.join(projectRoot, file), 'utf8');
    t.notMatch(text, /7_?203_?\d{3}\b/, `${file} takes its number from src/db/locks.ts`);
  }
  for (const file of sources('migrations')) {
    for (const [, number] of readFileSync(path.join(projectRoot, file), 'utf8').matchAll(
      /advisory\w*lock\w*\((\d+)\)/g,
    ))
      t.ok(numbers.includes(Number(number)), `${number} of ${file} is listed`);
  }
});
