import { createHash } from 'node:crypto';
import type pg from 'pg';
import { v7 as uuid } from 'uuid';
import { type CopyValue, copyRows } from '../../db/copy.js';
import { nameKey, tidy } from '../../db/record-parts.js';
import { type FeedColumn, type FeedRow, feedColumns, genderOf } from './feed-row.js';

/** A checked row that becomes a child. */
export interface LoadRow {
  line: number;
  row: FeedRow;
  childId: string;
  number: string;
  /** Of `hashRow`. */
  hash: Buffer;
}

/** What makes two receipts of a row the same. */
export function hashRow(row: FeedRow): Buffer {
  return createHash('sha256')
    .update(feedColumns.map((column) => row[column]).join('\u001f'))
    .digest();
}

type Table = { columns: string[]; rows: CopyValue[][] };

/** Writes a batch of new children and their outbox entries by COPY, within the client's current transaction. */
export async function loadBatch(
  client: pg.PoolClient,
  source: string,
  batchId: string,
  batch: LoadRow[],
): Promise<void> {
  const tables = {
    children: table('id', 'number', 'date_of_birth', 'gender', 'authority'),
    child_names: table('child_id', 'id', 'kind', 'given_names', 'family_name', 'given_key', 'family_key'),
    child_addresses: table('child_id', 'id', 'kind', 'line1', 'line2', 'town', 'postcode', 'country'),
    child_parents: table('child_id', 'id', 'name', 'relationship', 'phone', 'email'),
    child_services: table('child_id', 'id', 'kind', 'name', 'phone'),
    source_records: table('source', 'source_id', 'child_id', 'batch_id', 'row_hash'),
    outbox: table('child_id', 'version', 'claimed_at'),
  };
  const now = new Date();
  for (const { row, childId, number, hash } of batch) {
    tables.children.rows.push([
      childId,
      number,
      row.date_of_birth,
      genderOf(row.gender) ?? 'unknown',
      row.authority || 'central',
    ]);
    for (const name of namesOf(row)) {
      const [kind, given, family] = name;
      tables.child_names.rows.push([childId, uuid(), kind, tidy(given), tidy(family), nameKey(given), nameKey(family)]);
    }
    for (const address of addressesOf(row)) tables.child_addresses.rows.push([childId, uuid(), ...address]);
    for (const parent of parentsOf(row)) tables.child_parents.rows.push([childId, uuid(), ...parent]);
    if (row.service_name !== '') {
      tables.child_services.rows.push([
        childId,
        uuid(),
        row.service_kind || 'other',
        row.service_name,
        row.service_phone || null,
      ]);
    }
    tables.source_records.rows.push([source, row.source_id, childId, batchId, hash]);
    // Claimed from the start: the importer itself brings them to the index, and a relay only if it dies.
    tables.outbox.rows.push([childId, 1, now]);
  }
  for (const [name, { columns, rows }] of Object.entries(tables)) await copyRows(client, name, columns, rows);
}

function table(...columns: string[]): Table {
  return { columns, rows: [] };
}

function namesOf(row: FeedRow): [kind: string, given: string, family: string][] {
  const names: [string, string, string][] = [['current', row.given_names, row.family_name]];
  if (row.former_family_name !== '') names.push(['former', row.given_names, row.former_family_name]);
  if (row.known_as !== '') names.push(['known-as', row.known_as, row.family_name]);
  return names;
}

/** kind, line1, line2, town, postcode, country */
function addressesOf(row: FeedRow): CopyValue[][] {
  const country = countryOf(row.country);
  const addresses: CopyValue[][] = [];
  if (some(row, 'address_line1', 'address_line2', 'town', 'postcode') || country !== 'GB') {
    const kind = country === 'GB' ? 'home' : 'overseas';
    addresses.push([kind, row.address_line1, row.address_line2, row.town, row.postcode.toUpperCase() || null, country]);
  }
  if (some(row, 'address2_line1', 'address2_town', 'address2_postcode')) {
    addresses.push([
      'second-home',
      row.address2_line1,
      '',
      row.address2_town,
      row.address2_postcode.toUpperCase() || null,
      'GB',
    ]);
  }
  return addresses;
}

/** name, relationship, phone, email */
function parentsOf(row: FeedRow): CopyValue[][] {
  const parents: CopyValue[][] = [];
  if (row.parent_name !== '') {
    parents.push([tidy(row.parent_name), row.parent_relationship, row.parent_phone || null, row.parent_email || null]);
  }
  if (row.parent2_name !== '') parents.push([tidy(row.parent2_name), '', null, null]);
  return parents;
}

function some(row: FeedRow, ...columns: FeedColumn[]): boolean {
  return columns.some((column) => row[column] !== '');
}

const homeCountries = [
  '',
  'gb',
  'uk',
  'united kingdom',
  'great britain',
  'england',
  'scotland',
  'wales',
  'northern ireland',
];

function countryOf(text: string): string {
  return homeCountries.includes(text.toLowerCase()) ? 'GB' : text;
}
