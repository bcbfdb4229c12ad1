import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { projectRoot } from '../../src/config.js';

t.test('each threat names what shows that it is stopped, and that is there', async (t) => {
  const text = readFileSync(path.join(projectRoot, 'docs/threat-model.md'), 'utf8');
  const threats = text.split('\n## ').find((part) => part.startsWith('Threats\n')) ?? '';
  const rows = threats.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| threat |'));
  t.ok(rows.length > 40);
  for (const row of rows) {
    const [, threat = '', stopped = '', shown = ''] = row.split('|').map((cell) => cell.trim());
    const files = [...shown.matchAll(/`([^`]+)`/g)].map(([, file]) => file as string);
    t.ok(threat && stopped && files.length > 0, threat);
    for (const file of files) t.ok(existsSync(path.join(projectRoot, file)), `${file}: ${threat}`);
  }
});
