import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { estypes } from '@elastic/elasticsearch';
import type { Config } from '../config.js';
import { remember } from '../matching/remember.js';
import type { IndexDocument } from './projection.js';

export interface Mapping {
  settings: estypes.IndicesIndexSettings;
  mappings: estypes.MappingTypeMapping;
}

/** Version of the newest file in index-mappings/, which indices are made by. */
export function newestMapping({ index }: Config): number {
  const versions = readdirSync(index.mappings).map((file) => Number(/^children\.v(\d+)\.json$/.exec(file)?.[1] ?? 0));
  return Math.max(...versions);
}

export function readMapping({ index }: Config, version: number): Mapping {
  return readOnce(path.join(index.mappings, `children.v${version}.json`));
}

// A file of a version never changes.
const readOnce = remember((file: string): Mapping => JSON.parse(readFileSync(file, 'utf8')));

/** The document as an index of that mapping takes it: without the fields that it does not know. */
export function fitDocument(config: Config, version: number, document: IndexDocument): Partial<IndexDocument> {
  const known = readMapping(config, version).mappings.properties ?? {};
  return Object.fromEntries(Object.entries(document).filter(([field]) => field in known));
}
