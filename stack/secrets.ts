import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The password of a service, made at its first start and kept readable by its maker alone. */
export function makeSecret(home: string, name: string): string {
  const file = path.join(home, 'secrets', name);
  if (!existsSync(file)) {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600 });
  }
  return readSecret(home, name);
}

export function readSecret(home: string, name: string): string {
  return readFileSync(path.join(home, 'secrets', name), 'utf8').trim();
}
