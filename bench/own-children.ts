import pg from 'pg';
import type { BenchDirectory } from './bench-directory.js';
import { type LoadChild, readLoadChildren } from './load.js';

const AUTHORITY = 'Northvale';

export interface OwnChildren {
  children: LoadChild[];
  managerToken: string;
  practitionerToken: string;
}

/**
 * Children whom one management team may change: they are put into its authority, which the index knows nothing of, past
 * the API.
 * @param most of all there are
 */
export async function takeChildren(directory: BenchDirectory, most: number): Promise<OwnChildren> {
  const { databaseUrl } = directory.urls;
  const children = await readLoadChildren(databaseUrl, most);
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('insert into authorities (code, name) values ($1, $1) on conflict do nothing', [AUTHORITY]);
    await client.query('update children set authority = $1 where id = any($2::uuid[]) and authority <> $1', [
      AUTHORITY,
      children.map(({ childId }) => childId),
    ]);
  } finally {
    await client.end();
  }
  return {
    children,
    managerToken: await directory.token('management-team', AUTHORITY),
    practitionerToken: await directory.token('practitioner', AUTHORITY),
  };
}
