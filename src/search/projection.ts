import { createHash } from 'node:crypto';
import type { Address, ChildFacts } from '../db/children.js';
import {
  addressKeys,
  dateKeys,
  nameForms,
  nameTokens,
  nicknameGroups,
  normalisePostcode,
  phoneticKeys,
  postcodeSector,
} from '../matching/index.js';
import { MANY, remember } from '../matching/remember.js';

/** Fields of the mappings in index-mappings/: keys to meet by, nothing to read a record from. */
export interface IndexDocument {
  family: string[];
  familyLike: string[];
  given: string[];
  givenLike: string[];
  dateOfBirth: string;
  gender: string;
  datePairs: string[];
  postcode: string[];
  sector: string[];
  addressKeys: string[];
  town: string[];
  parent: string[];
  parentLike: string[];
  /** Also the document's id; as a value of its own it comes with the order of candidates, and no stored field is read. */
  childId: string;
  shielded: boolean;
  version: number;
  bucket: number;
  check: number;
}

/**
 * What the index holds of a child, or undefined where it must hold nothing.
 * Of a shielded child only what anyone may see: the current name, the date of birth.
 * @param mappingVersion of the index that it is for. A record that is to give other documents takes a new mapping, so
 *   that what was written before is known by its check
 */
export function projectChild(child: ChildFacts, mappingVersion: number): IndexDocument | undefined {
  if (child.archived) return undefined;
  const names = indexedNames(child);
  const addresses = child.shielded ? [] : child.addresses;
  const parents = child.shielded ? [] : child.parents;
  const family = distinct(names.flatMap((name) => formsOf(name.familyName)));
  const given = distinct(names.flatMap((name) => formsOf(name.givenNames)));
  const initials = names.map((name) => initialKey(tokensOf(name.givenNames)[0] ?? ''));
  const parent = distinct(parents.flatMap(({ name }) => tokensOf(name)));
  const postcodes = distinct(addresses.map((address) => normalisePostcode(address.postcode ?? '')));
  return {
    family,
    familyLike: likeKeys(family),
    given: [...given, ...distinct(initials)],
    givenLike: likeKeys(given),
    dateOfBirth: child.dateOfBirth,
    gender: child.gender,
    datePairs: datePairs(child.dateOfBirth),
    postcode: postcodes,
    sector: distinct(postcodes.map(postcodeSector)),
    addressKeys: distinct(addresses.flatMap((address) => lineKeysOf(addressLine(address)))),
    town: distinct(addresses.flatMap((address) => tokensOf(address.town))),
    parent,
    parentLike: distinct(parent.flatMap(soundsOf)),
    childId: child.childId,
    shielded: child.shielded,
    version: child.version,
    bucket: bucketOf(child.childId),
    check: checkOf(child.childId, child.version, mappingVersion),
  };
}

function indexedNames(child: ChildFacts): ChildFacts['names'] {
  return child.shielded ? child.names.filter((name) => name.kind === 'current') : child.names;
}

/** Parts of the names that the documents of these children hold. */
export function nameParts(children: ChildFacts[]): Record<'given' | 'family', string[]> {
  const names = children.filter((child) => !child.archived).flatMap(indexedNames);
  return {
    given: distinct(names.flatMap((name) => tokensOf(name.givenNames))),
    family: distinct(names.flatMap((name) => tokensOf(name.familyName))),
  };
}

// Of children one after another most names, towns and parents are the same few, and so are the streets of neighbours.
const formsOf = remember(nameForms);
const tokensOf = remember(nameTokens);
const likesOf = remember((token: string) => [...phoneticKeys(token), ...nicknameGroups(token)], MANY);
const soundsOf = remember(phoneticKeys, MANY);
const lineKeysOf = remember((line: string) => addressKeys(line));

/** Sound codes and nickname groups: what two spellings of one name share. */
export function likeKeys(tokens: string[]): string[] {
  return distinct(tokens.flatMap(likesOf));
}

/** Met by whoever knows no more of a given name than its first letter; undefined of an empty one. */
export function initialKey(token: string): string | undefined {
  return token === '' ? undefined : `i:${token[0]}`;
}

/** Pair keys, so that one wrong part of a date still meets the other two, and the bare year. */
function datePairs(date: string): string[] {
  return [...dateKeys(date), yearKey(date.slice(0, 4))];
}

export function yearKey(year: string | number): string {
  return `y:${year}`;
}

export function addressLine(address: Pick<Address, 'line1' | 'line2'>): string {
  return [address.line1, address.line2].filter((line) => line !== '').join(', ');
}

/** One of 4,096 groups that the index is compared with PostgreSQL by: the last three hex digits, random in a UUID of version 7. */
export function bucketOf(childId: string): number {
  return Number.parseInt(childId.slice(-3), 16);
}

/** A small sum of identity, version and mapping that PostgreSQL can make too: the first 28 bits of an MD5. */
export function checkOf(childId: string, version: number, mappingVersion: number): number {
  return Number.parseInt(
    createHash('md5').update(`${childId}:${version}:${mappingVersion}`).digest('hex').slice(0, 7),
    16,
  );
}

function distinct(values: (string | undefined)[]): string[] {
  return [...new Set(values.filter((value): value is string => value !== undefined && value !== ''))];
}
