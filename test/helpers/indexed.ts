import { writeAlias } from '../../src/search/aliases.js';
import type { TestDirectory } from './directory.js';
import { type Patience, until } from './wait.js';

/** Version of each document in the index that workers write to, by child. At most 10,000. */
export async function documentVersions({ context, config }: TestDirectory): Promise<Map<string, number>> {
  const index = writeAlias(config.instance);
  await context.elasticsearch.indices.refresh({ index });
  const { hits } = await context.elasticsearch.search({ index, size: 10_000, version: true, _source: false });
  return new Map(hits.hits.map((hit) => [hit._id ?? '', hit._version ?? 0]));
}

/** Waits until nothing is left in the outbox and the index holds every child at the version of PostgreSQL, and no other. */
export async function untilIndexed(directory: TestDirectory, patience?: Patience): Promise<void> {
  await until(async () => {
    const waiting = await directory.owner.selectFrom('outbox').select('child_id').limit(1).execute();
    if (waiting.length > 0) return false;
    const children = await directory.owner.selectFrom('children').select(['id', 'version']).execute();
    const documents = await documentVersions(directory);
    return documents.size === children.length && children.every(({ id, version }) => documents.get(id) === version);
  }, patience);
}

/** Name of the index behind the write alias. */
export async function indexName({ context, config }: TestDirectory): Promise<string> {
  const [name] = Object.keys(await context.elasticsearch.indices.getAlias({ name: writeAlias(config.instance) }));
  if (!name) throw new Error('there is no index');
  return name;
}
