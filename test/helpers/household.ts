import type { Answer, TestChildren } from './children.js';
import type { TestCaller } from './directory.js';

/** Sets a shield and leaves open whoever shares an address or a parent, or refers them to their own authority. */
export async function shieldAlone(
  { call }: Pick<TestChildren, 'call'>,
  caller: TestCaller,
  childId: string,
  version: number,
  reason = 'risk-of-harm',
): Promise<Answer> {
  const url = `/v1/children/${childId}/shield`;
  const set = (decisions: object[]) => call(caller, 'PUT', url, { reason, decisions }, { 'if-match': `"${version}"` });
  const answer = await set([]);
  if (answer.status !== 409) return answer;
  const { body } = await call(caller, 'GET', `${url}/household`);
  const children = body.children as { childId: string; decisions: string[] }[];
  return set(
    children
      .filter(({ decisions }) => decisions.length > 0)
      .map(({ childId, decisions }) => ({ childId, decision: decisions.at(-1) })),
  );
}
