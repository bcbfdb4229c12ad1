import { createReadStream } from 'node:fs';
import readline from 'node:readline';
import { CommandError } from '../../errors.js';
import type { SearchRequest } from '../../schemas/search.js';

/** A line of a query file, in the contract's words; null for what is not known. */
export interface Query {
  query_id: string;
  source_id: string;
  given_names?: string | null;
  family_name?: string | null;
  date_of_birth?: string | null;
  gender?: string | null;
  address_line1?: string | null;
  town?: string | null;
  postcode?: string | null;
  parent_name?: string | null;
  errors?: Record<string, string>;
  name_origin?: string;
  target_in_records_csv?: boolean;
}

export const queryFields = [
  'given_names',
  'family_name',
  'date_of_birth',
  'gender',
  'address_line1',
  'town',
  'postcode',
  'parent_name',
] as const;
export type QueryField = (typeof queryFields)[number];

export async function readQueries(file: string): Promise<Query[]> {
  const queries: Query[] = [];
  for await (const query of readNdjson(file)) queries.push(query as unknown as Query);
  return queries;
}

/** Ids of the children that these source ids became, by an import's report; others are left out. */
export async function readTruth(file: string, sourceIds: Set<string>): Promise<Map<string, string>> {
  const truth = new Map<string, string>();
  for await (const { source_id: sourceId, childId } of readNdjson(file)) {
    if (typeof sourceId === 'string' && typeof childId === 'string' && sourceIds.has(sourceId))
      truth.set(sourceId, childId);
  }
  return truth;
}

async function* readNdjson(file: string): AsyncGenerator<Record<string, unknown>> {
  const input = createReadStream(file);
  const opened = new Promise<void>((resolve, reject) => input.once('open', () => resolve()).once('error', reject));
  await opened.catch(() => {
    throw new CommandError(`There is no file ${file}, or it cannot be read`);
  });
  let line = 0;
  for await (const text of readline.createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (text.trim() === '') continue;
    try {
      yield JSON.parse(text);
    } catch {
      throw new CommandError(`${file}, line ${line}: not JSON`);
    }
  }
}

/** The search that somebody would make who knows these fields of the query. What is unknown is not sent. */
export function toRequest(query: Query, fields: readonly QueryField[]): SearchRequest {
  const known = (field: QueryField) => (fields.includes(field) ? (query[field]?.trim() ?? '') : '');
  const request: Record<string, unknown> = {};
  const put = (target: Record<string, unknown>, key: string, value: string) => {
    if (value !== '') target[key] = value;
  };
  put(request, 'givenNames', known('given_names'));
  put(request, 'familyName', known('family_name'));
  put(request, 'dateOfBirth', known('date_of_birth'));
  put(request, 'gender', known('gender'));
  put(request, 'parentName', known('parent_name'));
  const address: Record<string, unknown> = {};
  put(address, 'line', known('address_line1'));
  put(address, 'town', known('town'));
  put(address, 'postcode', known('postcode'));
  if (Object.keys(address).length > 0) request.address = address;
  return request as SearchRequest;
}
