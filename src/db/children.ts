import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { DirectoryError } from '../errors.js';
import type { Gender, NameKind } from '../matching/types.js';
import type { AddressKind, Database, DisputedPart, sensitiveBases, sensitiveKinds, serviceKinds } from './schema.js';

export interface NameVariant {
  nameId: string;
  kind: NameKind;
  givenNames: string;
  familyName: string;
}

export interface Address {
  addressId: string;
  kind: AddressKind;
  line1: string;
  line2: string;
  town: string;
  postcode: string | null;
  country: string;
  validFrom: string | null;
  validTo: string | null;
}

export interface Parent {
  parentId: string;
  name: string;
  relationship: string;
  phone: string | null;
  email: string | null;
}

export interface Service {
  serviceId: string;
  kind: (typeof serviceKinds)[number];
  name: string;
  phone: string | null;
  email: string | null;
  sensitive: Sensitive | null;
}

/** Of a service or an involvement that not everyone may see. */
export interface Sensitive {
  kind: (typeof sensitiveKinds)[number];
  basis: (typeof sensitiveBases)[number];
}

export interface Involvement {
  involvementId: string;
  userId: string;
  /** Name of the practitioner. */
  practitioner: string;
  organisation: string;
  role: string;
  phone: string | null;
  email: string | null;
  /** With a service beyond the universal ones. */
  additional: boolean;
  startedOn: string;
  endedOn: string | null;
  sensitive: Sensitive | null;
}

/** Which involvement makes somebody lead professional, or holder of the CAF. */
export interface HeldBy {
  involvementId: string;
  since: string;
}

/** What matching and indexing need of a child, unnarrowed: hand it to nobody before src/services/visibility.ts has. */
export interface ChildFacts {
  childId: string;
  number: string;
  version: number;
  dateOfBirth: string;
  gender: Gender;
  authority: string;
  diedOn: string | null;
  archived: boolean;
  shielded: boolean;
  names: NameVariant[];
  addresses: Address[];
  parents: Parent[];
}

/** The whole record, unnarrowed. */
export interface ChildRecord extends ChildFacts {
  consentTo25: boolean;
  /** What the family says is wrong. */
  disputed: DisputedPart[];
  services: Service[];
  involvements: Involvement[];
  leadProfessional: HeldBy | null;
  cafIndicator: HeldBy | null;
}

/** Parts of a child that take a look at a table of their own, and which not everyone who compares children needs. */
export interface FactsWanted {
  addresses: boolean;
  parents: boolean;
  /** Authority of whose shielded children all is read; of the others, and without it of everybody's, what is shown only. */
  entitled?: string | null;
}

type Part = RawBuilder<unknown>;

/**
 * What a shield hides from whom is decided in src/services/visibility.ts; but what is read for nobody's eyes takes time,
 * and the time of an answer would tell how much there is.
 * @param hidden condition under which only what a shield shows is read
 */
// One statement, so one snapshot: a version never travels with the content of another.
const plainFacts = (hidden: Part) => sql`
  c.id as "childId", c.number, c.version, c.date_of_birth as "dateOfBirth", c.gender, c.authority, c.died_on as "diedOn",
  c.archived_at is not null as archived, s.id is not null as shielded,
  case when ${hidden} then ${CURRENT_NAME} else ${NAMES} end as names`;
const NAME = sql`
  json_build_object('nameId', n.id, 'kind', n.kind, 'givenNames', n.given_names, 'familyName', n.family_name)`;
const NAMES = sql`
  (select coalesce(json_agg(${NAME} order by n.id), '[]') from child_names n where n.child_id = c.id)`;
// There is one. An order would make PostgreSQL go by the index of all names, and pass over what is hidden.
const CURRENT_NAME = sql`
  (select coalesce(json_agg(${NAME}), '[]') from child_names n where n.child_id = c.id and n.kind = 'current')`;
const ADDRESSES = sql`
  (select coalesce(json_agg(json_build_object('addressId', a.id, 'kind', a.kind, 'line1', a.line1, 'line2', a.line2,
      'town', a.town, 'postcode', a.postcode, 'country', a.country, 'validFrom', a.valid_from, 'validTo', a.valid_to)
      order by a.id), '[]') from child_addresses a where a.child_id = c.id)`;
const PARENTS = sql`
  (select coalesce(json_agg(json_build_object('parentId', p.id, 'name', p.name, 'relationship', p.relationship,
      'phone', p.phone, 'email', p.email) order by p.id), '[]') from child_parents p where p.child_id = c.id)`;
const unless = (hidden: Part, part: Part) => sql`case when ${hidden} then '[]'::json else ${part} end`;
const FROM = sql`from children c left join shields s on s.child_id = c.id and s.lifted_at is null`;
const NOTHING = sql`false`;

function hiddenFrom(entitled: string | null): Part {
  return sql`s.id is not null and c.authority is distinct from ${entitled}`;
}

/** Facts of the children with these ids, whole; unknown ids are left out, order is not kept. */
export async function findFacts(db: Kysely<Database>, childIds: string[]): Promise<ChildFacts[]> {
  if (childIds.length === 0) return [];
  const { rows } = await sql<ChildFacts>`
    select ${plainFacts(NOTHING)}, ${ADDRESSES} as addresses, ${PARENTS} as parents
    ${FROM} where c.id = any(${childIds}::uuid[])`.execute(db);
  return rows;
}

/** The next children in the order of their ids, without archived ones. @param after id of the last before; null for the first */
export async function findNextFacts(db: Kysely<Database>, after: string | null, limit: number): Promise<ChildFacts[]> {
  const { rows } = await sql<ChildFacts>`
    select ${plainFacts(NOTHING)}, ${ADDRESSES} as addresses, ${PARENTS} as parents
    ${FROM} where c.archived_at is null and c.id > ${after ?? '00000000-0000-0000-0000-000000000000'}
    order by c.id limit ${limit}`.execute(db);
  return rows;
}

/**
 * The same without the parts that are not wanted, or hidden, which are empty then: of dozens of children that a search
 * compares by name it shows a few. In order of ids, which no change to a record moves.
 */
export async function findSomeFacts(
  db: Kysely<Database>,
  childIds: string[],
  { addresses, parents, entitled = null }: FactsWanted,
): Promise<ChildFacts[]> {
  if (childIds.length === 0) return [];
  const hidden = hiddenFrom(entitled);
  const part = (wanted: boolean, found: Part) => unless(wanted ? hidden : sql`true`, found);
  const { rows } = await sql<ChildFacts>`
    select ${plainFacts(hidden)}, ${part(addresses, ADDRESSES)} as addresses, ${part(parents, PARENTS)} as parents
    ${FROM} where c.id = any(${childIds}::uuid[]) order by c.id`.execute(db);
  return rows;
}

const sensitivePart = (row: string) =>
  sql.raw(`'sensitive', case when ${row}.sensitive is not null
      then json_build_object('kind', ${row}.sensitive, 'basis', ${row}.sensitive_basis) end`);
const heldBy = (hidden: Part, table: string) => sql`
  case when not (${hidden}) then (select json_build_object('involvementId', h.involvement_id, 'since', h.since)
    from ${sql.table(table)} h where h.child_id = c.id) end`;
const SERVICES = sql`
  (select coalesce(json_agg(json_build_object('serviceId', v.id, 'kind', v.kind, 'name', v.name, 'phone', v.phone,
      'email', v.email, ${sensitivePart('v')}) order by v.id), '[]') from child_services v where v.child_id = c.id)`;
const INVOLVEMENTS = sql`
  (select coalesce(json_agg(json_build_object('involvementId', i.id, 'userId', i.user_id, 'practitioner', u.name,
      'organisation', i.organisation, 'role', i.role, 'phone', i.phone, 'email', i.email, 'additional', i.additional,
      'startedOn', i.started_on, 'endedOn', i.ended_on, ${sensitivePart('i')}) order by i.id), '[]')
      from involvements i join users u on u.id = i.user_id where i.child_id = c.id)`;

/** The record, whole. */
export async function findRecord(db: Kysely<Database>, childId: string): Promise<ChildRecord | undefined> {
  return readRecord(db, childId, NOTHING);
}

/** @param entitled authority of whose shielded children all is read; of others what is shown only, the rest being empty */
export async function findRecordFor(
  db: Kysely<Database>,
  childId: string,
  entitled: string | null,
): Promise<ChildRecord | undefined> {
  return readRecord(db, childId, hiddenFrom(entitled));
}

async function readRecord(db: Kysely<Database>, childId: string, hidden: Part): Promise<ChildRecord | undefined> {
  const { rows } = await sql<ChildRecord>`
    select ${plainFacts(hidden)}, ${unless(hidden, ADDRESSES)} as addresses, ${unless(hidden, PARENTS)} as parents,
      c.consent_to_25_at is not null as "consentTo25", case when ${hidden} then '{}' else c.disputed end as disputed,
      ${unless(hidden, SERVICES)} as services,
      ${unless(hidden, INVOLVEMENTS)} as involvements, ${heldBy(hidden, 'lead_professionals')} as "leadProfessional",
      ${heldBy(hidden, 'caf_indicators')} as "cafIndicator"
    ${FROM} where c.id = ${childId}`.execute(db);
  return rows[0];
}

/** Id of no child: who is looked for in vain is looked for in the same way. */
export const NOBODY = '00000000-0000-0000-0000-000000000000';

export async function findChildIdByNumber(db: Kysely<Database>, number: string): Promise<string | undefined> {
  const row = await db.selectFrom('children').select('id').where('number', '=', number).executeTakeFirst();
  return row?.id;
}

/** Who is responsible for a child and whether a shield stands: all that an access decision on a change looks at. */
export interface Standing {
  childId: string;
  version: number;
  authority: string;
  shielded: boolean;
  archived: boolean;
}

/** Locks the child's row until the transaction ends, so that changes to one child come one after another. */
export async function findStandingForUpdate(
  trx: Transaction<Database>,
  childId: string,
): Promise<Standing | undefined> {
  const row = await trx
    .selectFrom('children')
    .select(['id', 'version', 'authority', 'archived_at'])
    .where('id', '=', childId)
    .forUpdate()
    .executeTakeFirst();
  if (!row) return undefined;
  const shield = await trx
    .selectFrom('shields')
    .select('id')
    .where('child_id', '=', childId)
    .where('lifted_at', 'is', null)
    .executeTakeFirst();
  return {
    childId: row.id,
    version: row.version,
    authority: row.authority,
    shielded: shield !== undefined,
    archived: row.archived_at !== null,
  };
}

export interface ChangeNote {
  changedBy: string | null;
  source?: string;
  reason: string;
  /** What the change was: names of the parts changed and what stood there before. */
  change: Record<string, unknown>;
}

export interface ChangeReach {
  /** Of a shield: goes to the index ahead of all else. */
  urgent?: boolean;
  /** Changes nothing that anyone may see of a shielded child, and so nothing that the index holds of one. */
  hidden?: boolean;
}

/**
 * One row a child, however many changes wait: the newest version counts, the oldest moment is kept so that lag is
 * told truly, and a change made after a job was claimed is claimed again.
 */
const ONE_ENTRY_A_CHILD = sql`
  on conflict (child_id) do update set
    version = greatest(outbox.version, excluded.version),
    urgent = outbox.urgent or excluded.urgent,
    claimed_at = null`;

/**
 * Ends every change to a child: gives it its next version, writes the history, and queues it for the index, all in
 * the caller's transaction.
 * @returns the new version
 */
export async function recordChange(
  trx: Transaction<Database>,
  childId: string,
  note: ChangeNote,
  { urgent = false, hidden = false }: ChangeReach = {},
): Promise<number> {
  // The index knows a shielded child by what was shown until now: a name that was current is hidden from here on. But a
  // child left out by id is searched for otherwise, which nobody may take for a sign of a change to what is hidden.
  if (!hidden) {
    await sql`
      update shields set index_acknowledged_at = null where child_id = ${childId} and lifted_at is null`.execute(trx);
  }
  // One statement, since every change waits for each of them, with the child locked.
  const { rows } = await sql<{ version: number }>`
    with changed as (
      update children set version = version + 1, updated_at = now() where id = ${childId} returning id, version
    ), noted as (
      insert into child_history (child_id, version, changed_by, source, reason, change)
      select id, version, ${note.changedBy}::uuid, ${note.source ?? null}::text, ${note.reason}::text, ${JSON.stringify(note.change)}::jsonb
      from changed
    ), queued as (
      insert into outbox (child_id, version, urgent) select id, version, ${urgent}::boolean from changed
      ${ONE_ENTRY_A_CHILD}
    )
    select version from changed`.execute(trx);
  const [changed] = rows;
  if (!changed) throw new DirectoryError('not-found', 'No such child');
  return changed.version;
}

export async function insertHistory(
  trx: Transaction<Database>,
  childId: string,
  version: number,
  note: ChangeNote,
): Promise<void> {
  await trx
    .insertInto('child_history')
    .values({
      child_id: childId,
      version,
      changed_by: note.changedBy,
      source: note.source ?? null,
      reason: note.reason,
      change: JSON.stringify(note.change),
    })
    .execute();
}

/** Queues a child for the index, in the transaction of the change. */
export async function queueForIndex(
  trx: Kysely<Database>,
  childId: string,
  version: number,
  urgent: boolean,
): Promise<void> {
  await sql`
    insert into outbox (child_id, version, urgent) values (${childId}, ${version}, ${urgent}) ${ONE_ENTRY_A_CHILD}`.execute(
    trx,
  );
}
