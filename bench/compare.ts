import { readConfig } from '../src/config.js';
import { createContext } from '../src/context.js';
import { findLiveIndex } from '../src/db/rebuilds.js';
import { compareIndex } from '../src/services/index/compare.js';

/** How the index of a directory differs from PostgreSQL now. */
export async function compare({ env }: { env: NodeJS.ProcessEnv }) {
  const config = readConfig({ ...process.env, ...env });
  const context = await createContext(config, { role: 'directory_worker', statementMs: 120_000 });
  try {
    const index = (await findLiveIndex(context.db)) ?? '';
    const began = performance.now();
    const { differences, documents } = await compareIndex(context, index, { withRefused: true });
    const count = (kind: string) => differences.filter((difference) => difference.kind === kind).length;
    return {
      documents,
      missing: count('missing'),
      stale: count('stale'),
      extra: count('extra'),
      comparedMs: Math.round(performance.now() - began),
    };
  } finally {
    await context.close();
  }
}
