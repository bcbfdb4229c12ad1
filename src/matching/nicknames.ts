import { ENGLISH_NICKNAMES } from './data/english-nicknames.js';
import { FAMILY_SPELLINGS, FORMS, SPELLINGS } from './data/name-families.js';

/**
 * How two different tokens are one name: written another way; one a short, pet or translated form of the other;
 * or both forms of a third (Fred and Rick, of Frederick).
 */
export type Kinship = 'spelling' | 'form' | 'shared-form';

interface Groups {
  /** Token → ids of the groups that hold it. */
  of: ReadonlyMap<string, readonly string[]>;
  /** Group id → its tokens, head first. */
  members: ReadonlyMap<string, readonly string[]>;
}

const groups = readGroups();

/**
 * Ids of the groups a token belongs to: `n:` short forms, `s:` spellings of a given name, `f:` spellings of a family name.
 * Two tokens may be one name if they share a group; groups are never merged, so likeness does not chain.
 */
export function nicknameGroups(token: string): string[] {
  return [...(groups.of.get(token) ?? []), ...familyRules(token)];
}

/** The tokens of a group, its head first; empty for a group made by rule. */
export function groupMembers(group: string): readonly string[] {
  return groups.members.get(group) ?? [];
}

/** How two given names are one name, by the tables. Symmetric; undefined if they aren't, or are the same token. */
export function givenKinship(a: string, b: string): Kinship | undefined {
  const groupsOfB = groups.of.get(b);
  if (groupsOfB === undefined || a === b) return undefined;
  const shared = (groups.of.get(a) ?? []).filter((group) => groupsOfB.includes(group));
  if (shared.some((group) => group.startsWith('s:'))) return 'spelling';
  const forms = shared.filter((group) => group.startsWith('n:'));
  if (forms.length === 0) return undefined;
  return forms.some((group) => heads(group, a) || heads(group, b)) ? 'form' : 'shared-form';
}

/** Whether a group of short forms is this token's own: the token is its head, or the head spelt otherwise. */
function heads(group: string, token: string): boolean {
  const head = group.slice(2);
  return head === token || (groups.members.get(`s:${head}`)?.includes(token) ?? false);
}

/** The same for family names, which have spellings but no short forms. */
export function familyKinship(a: string, b: string): Kinship | undefined {
  if (a === b) return undefined;
  const groupsOfB = familyGroups(b);
  return familyGroups(a).some((group) => groupsOfB.includes(group)) ? 'spelling' : undefined;
}

function familyGroups(token: string): string[] {
  return nicknameGroups(token).filter((group) => group.startsWith('f:'));
}

/** Mac and Mc; Slavonic names that end otherwise for a son than for a daughter. */
function familyRules(token: string): string[] {
  const gaelic = /^ma?c([a-z]{4,})$/.exec(token);
  if (gaelic) return [`f:mc+${gaelic[1]}`];
  const slavonic = /^([a-z]{3,})(?:(s|c|dz)k(?:i|a|y|aya|aia)|([oe])(?:v|va|ff|w))$/.exec(token);
  if (slavonic) return [`f:${slavonic[1]}${slavonic[2] ? 'ski' : 'ov'}+`];
  return [];
}

function readGroups(): Groups {
  const members = new Map<string, Set<string>>();
  const add = (prefix: string, table: string) => {
    for (const line of table.trim().split('\n')) {
      const [head, forms] = line.split(': ') as [string, string];
      const group = members.get(prefix + head) ?? new Set([head]);
      for (const form of forms.split(' ')) group.add(form);
      members.set(prefix + head, group);
    }
  };
  add('n:', ENGLISH_NICKNAMES);
  add('n:', FORMS);
  add('s:', SPELLINGS);
  add('f:', FAMILY_SPELLINGS);
  // Whoever spells Muhamad may be called Mo as well: a spelling joins the short forms of its head, one step and no further.
  for (const [id, spellings] of members) {
    const forms = id.startsWith('s:') ? members.get(`n:${id.slice(2)}`) : undefined;
    if (forms) for (const spelling of spellings) forms.add(spelling);
  }
  const of = new Map<string, string[]>();
  for (const [id, tokens] of members) {
    for (const token of tokens) of.set(token, [...(of.get(token) ?? []), id]);
  }
  return { of, members: new Map([...members].map(([id, tokens]) => [id, [...tokens]])) };
}
