import type { Answer, TestChildren } from './children.js';
import type { TestCaller } from './directory.js';
import { shieldAlone } from './household.js';

export interface TestClient {
  search(criteria: object): Promise<Answer>;
  read(childId: string): Promise<Answer>;
  lookUp(number: string): Promise<Answer>;
  create(child: object): Promise<Answer>;
  correct(childId: string, version: number, change: object): Promise<Answer>;
  addAddress(childId: string, version: number, address: object): Promise<Answer>;
  /** Whoever shares an address or a parent is left open. */
  shield(childId: string, version: number): Promise<Answer>;
  unshield(childId: string, version: number): Promise<Answer>;
}

/** What a caller does, in the words of the routes. */
export function clientFor({ call, search }: TestChildren, caller: TestCaller): TestClient {
  const of = (childId: string) => `/v1/children/${childId}`;
  const seen = (version: number) => ({ 'if-match': `"${version}"` });
  return {
    search: (criteria) => search(caller, criteria),
    read: (childId) => call(caller, 'GET', of(childId)),
    lookUp: (number) => call(caller, 'POST', '/v1/children/lookup', { number }),
    create: (child) => call(caller, 'POST', '/v1/children', child),
    correct: (childId, version, change) => call(caller, 'PATCH', of(childId), change, seen(version)),
    addAddress: (childId, version, address) => call(caller, 'POST', `${of(childId)}/addresses`, address, seen(version)),
    shield: (childId, version) => shieldAlone({ call }, caller, childId, version),
    unshield: (childId, version) => call(caller, 'DELETE', `${of(childId)}/shield`, undefined, seen(version)),
  };
}

/** Ids of the children that a search answered with. */
export function idsOf(answer: Answer): string[] {
  return (answer.body.results as { childId: string }[]).map((result) => result.childId);
}
