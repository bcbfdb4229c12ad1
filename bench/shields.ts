import { setTimeout as delay } from 'node:timers/promises';
import { ask, type Reply } from './load.js';

export interface Shielding {
  url: string;
  managerToken: string;
}

/** Whatever was said of others who share an address or a parent: they stay undecided. */
export async function setShield({ url, managerToken: token }: Shielding, childId: string): Promise<Reply> {
  const route = `/v1/children/${childId}`;
  const seen = await ask(url, { method: 'GET', route, token });
  if (seen.kind !== 'answered' || seen.version === undefined) return seen;
  const body = { reason: 'risk-of-harm' };
  return ask(url, { method: 'PUT', route: `${route}/shield`, token, version: seen.version, body });
}

/** @returns the answer that went wrong, or the last */
export async function setAndLiftShield(shielding: Shielding, childId: string, standsMs: number): Promise<Reply> {
  const set = await setShield(shielding, childId);
  if (set.kind !== 'answered' || set.status !== 200 || set.version === undefined) return set;
  await delay(standsMs);
  const { url, managerToken: token } = shielding;
  const route = `/v1/children/${childId}/shield`;
  return ask(url, { method: 'DELETE', route, token, version: set.version, body: { show: [] } });
}
