import type { ColumnType, Generated } from 'kysely';
import type { Gender, NameKind } from '../matching/types.js';

/** Tables as migrations/ make them. DATE columns are strings, YYYY-MM-DD; bigint columns are numbers. */
export interface Database {
  authorities: { code: string; name: string; live_at: Date | null; training_since: Date | null };
  organisations: { id: string; name: string; sector: Sector; authority: string | null };
  users: UserTable;
  sessions: SessionTable;
  spent_refresh_tokens: { token_hash: string; session_id: string };
  sign_in_failures: SignInFailureTable;
  recovery_codes: { user_id: string; code_hash: string; used_at: Date | null };
  sources: { name: string; created_at: Generated<Date> };
  children: ChildTable;
  destroyed_numbers: { number: string; child_id: string; version: number; destroyed_at: Generated<Date> };
  child_names: ChildNameTable;
  child_addresses: ChildAddressTable;
  child_parents: ChildParentTable;
  child_services: ChildServiceTable;
  involvements: InvolvementTable;
  lead_professionals: HeldByTable;
  caf_indicators: HeldByTable;
  shields: ShieldTable;
  shield_decisions: ShieldDecisionTable;
  shield_overrides: ShieldOverrideTable;
  verification_attempts: VerificationAttemptTable;
  practitioner_verifications: PractitionerVerificationTable;
  source_records: SourceRecordTable;
  feed_batches: FeedBatchTable;
  feed_rejects: { batch_id: string; line: number; reason: string };
  matching_queue: MatchingQueueTable;
  child_history: ChildHistoryTable;
  idempotency_keys: IdempotencyKeyTable;
  account_setters: AccountSetterTable;
  audit_events: AuditEventTable;
  audit_chain: { position: number; event_id: number; link: Buffer };
  audit_seals: AuditSealTable;
  audit_cuts: { seal: number; to_position: number; head: Buffer; events: number; cut_at: Generated<Date> };
  retention_runs: RetentionRunTable;
  authority_contacts: AuthorityContactTable;
  protections: ProtectionTable;
  outbox: OutboxTable;
  dead_letters: DeadLetterTable;
  index_builds: IndexBuildTable;
  index_throughput: { slot: Date; lane: number; acknowledged: number };
  index_reconciliations: IndexReconciliationTable;
  record_count: { change: number };
  rebuilds: RebuildTable;
  name_frequencies: { part: 'given' | 'family'; name: string; children: number };
  new_names: { part: 'given' | 'family'; name: string; seen: Generated<number>; seen_at: Generated<Date> };
  directory_statistics: { one_row: Generated<boolean>; children: number; counted_at: Generated<Date> };
}

export const roles = [
  'practitioner',
  'call-centre',
  'management-team',
  'data-team',
  'auditor',
  'administrator',
] as const;
export type Role = (typeof roles)[number];

export const sectors = ['education', 'health', 'social-care', 'youth', 'police', 'voluntary', 'other'] as const;
export type Sector = (typeof sectors)[number];

interface UserTable {
  id: string;
  username: string;
  name: string;
  role: Role;
  organisation_id: string | null;
  authority: string | null;
  password_hash: string | null;
  totp_secret: string | null;
  totp_last_step: Generated<number>;
  failed_sign_ins: Generated<number>;
  locked_until: Date | null;
  background_check_on: string | null;
  training_completed_on: string | null;
  agreement_signed_on: string | null;
  disabled_at: Date | null;
  may_override_shields: Generated<boolean>;
  override_asked_by: string | null;
  override_asked_at: Date | null;
  external_subject: string | null;
  tokens_not_before: Date | null;
  created_at: Generated<Date>;
}

interface AccountSetterTable {
  user_id: string;
  set_by: string;
  first_at: Generated<Date>;
}

interface SignInFailureTable {
  user_id: string;
  source: string;
  failures: number;
  locked_until: Date | null;
  failed_at: Date;
}

interface SessionTable {
  id: string;
  user_id: string;
  refresh_token_hash: string | null;
  created_at: Generated<Date>;
  expires_at: Date;
  revoked_at: Date | null;
}

interface ChildTable {
  id: string;
  number: string;
  version: Generated<number>;
  date_of_birth: string;
  gender: Gender;
  authority: Generated<string>;
  died_on: string | null;
  consent_to_25_at: Date | null;
  archived_at: Date | null;
  disputed: Generated<DisputedPart[]>;
  created_at: Generated<Date>;
  updated_at: ColumnType<Date, Date | undefined, Date>;
}

interface ChildNameTable {
  child_id: string;
  id: string;
  kind: NameKind;
  given_names: string;
  family_name: string;
  given_key: string;
  family_key: string;
}

export type AddressKind = 'home' | 'second-home' | 'temporary' | 'overseas' | 'former';

interface ChildAddressTable {
  child_id: string;
  id: string;
  kind: AddressKind;
  line1: Generated<string>;
  line2: Generated<string>;
  town: Generated<string>;
  postcode: string | null;
  postcode_key: ColumnType<string | null, never, never>;
  country: Generated<string>;
  valid_from: string | null;
  valid_to: string | null;
}

interface ChildParentTable {
  child_id: string;
  id: string;
  name: string;
  relationship: Generated<string>;
  phone: string | null;
  email: string | null;
}

export const serviceKinds = ['educational-setting', 'gp-practice', 'other'] as const;
export const sensitiveKinds = ['sexual-health', 'mental-health', 'substance-abuse'] as const;
/** What allows a sensitive service to be held. */
export const sensitiveBases = ['consent', 'significant-harm'] as const;
/** What a practitioner is to a child: a list, since whatever could be written freely would be a place for notes. */
export const practitionerRoles = [
  'teacher',
  'head-teacher',
  'designated-safeguarding-lead',
  'special-educational-needs-coordinator',
  'education-welfare-officer',
  'educational-psychologist',
  'early-years-practitioner',
  'general-practitioner',
  'health-visitor',
  'midwife',
  'nurse',
  'school-nurse',
  'paediatrician',
  'psychologist',
  'therapist',
  'counsellor',
  'social-worker',
  'family-support-worker',
  'youth-worker',
  'youth-offending-worker',
  'connexions-adviser',
  'police-officer',
  'voluntary-sector-worker',
  'other',
] as const;

interface SensitiveColumns {
  sensitive: (typeof sensitiveKinds)[number] | null;
  sensitive_basis: (typeof sensitiveBases)[number] | null;
}

interface ChildServiceTable extends SensitiveColumns {
  child_id: string;
  id: string;
  kind: (typeof serviceKinds)[number];
  name: string;
  phone: string | null;
  email: string | null;
}

interface InvolvementTable extends SensitiveColumns {
  child_id: string;
  id: string;
  user_id: string;
  organisation: string;
  role: string;
  phone: string | null;
  email: string | null;
  additional: Generated<boolean>;
  started_on: string;
  ended_on: string | null;
}

/** One row a child: the involvement of the practitioner who holds it. */
interface HeldByTable {
  child_id: string;
  involvement_id: string;
  since: Generated<string>;
}

export const shieldReasons = [
  'risk-of-harm',
  'adoption',
  'refuge',
  'witness-protection',
  'court-order',
  'other',
] as const;

interface ShieldTable {
  id: string;
  child_id: string;
  reason: (typeof shieldReasons)[number];
  authority: string;
  review_on: string;
  set_by: string | null;
  set_at: Generated<Date>;
  lifted_by: string | null;
  lifted_at: Date | null;
  index_acknowledged_at: Date | null;
}

export const shieldDecisions = ['shield', 'leave', 'refer'] as const;
export type ShieldDecision = (typeof shieldDecisions)[number];
/** As it is kept: a shield that could not wait leaves the decision open. */
export type KeptDecision = ShieldDecision | 'undecided';

interface ShieldDecisionTable {
  id: string;
  shield_id: string;
  child_id: string;
  decision: KeptDecision;
  shares: string[];
  reason: string;
  decided_by: string;
  decided_at: Generated<Date>;
}

export const overrideReasons = [
  'immediate-danger',
  'missing-child',
  'medical-emergency',
  'child-protection-enquiry',
  'court-order',
] as const;
export type OverrideReason = (typeof overrideReasons)[number];

interface ShieldOverrideTable {
  id: string;
  shield_id: string;
  child_id: string;
  authority: string;
  user_id: string;
  reason: OverrideReason;
  overridden_at: Generated<Date>;
}

interface VerificationAttemptTable {
  child_id: string;
  day: string;
  failed: number;
  failed_visibly: number;
}

interface PractitionerVerificationTable {
  id: string;
  operator_id: string;
  practitioner_id: string;
  verified_at: Generated<Date>;
}

interface SourceRecordTable {
  source: string;
  source_id: string;
  child_id: string;
  batch_id: string;
  row_hash: Buffer;
  received_at: Generated<Date>;
}

interface FeedBatchTable {
  id: string;
  source: string;
  state: 'running' | 'done' | 'failed';
  initial: boolean;
  rows: Generated<number>;
  created: Generated<number>;
  linked: Generated<number>;
  queued: Generated<number>;
  quarantined: Generated<number>;
  rejected: Generated<number>;
  unchanged: Generated<number>;
  started_at: Generated<Date>;
  ended_at: Date | null;
}

interface ChildHistoryTable {
  child_id: string;
  version: number;
  changed_at: Generated<Date>;
  changed_by: string | null;
  source: string | null;
  reason: string;
  change: unknown;
}

interface IdempotencyKeyTable {
  user_id: string;
  route: string;
  key: string;
  child_id: string | null;
  body_hash: Buffer;
  created_at: Generated<Date>;
}

interface AuditEventTable {
  id: Generated<number>;
  at: Generated<Date>;
  actor: 'user' | 'system';
  user_id: string | null;
  role: string | null;
  organisation_id: string | null;
  authority: string | null;
  on_behalf_of: string | null;
  action: string;
  reason: string | null;
  child_ids: string[];
  request_id: string | null;
  details: unknown;
  written_in: Generated<string>;
}

interface AuditSealTable {
  seal: number;
  from_position: number;
  to_position: number;
  previous_head: Buffer;
  snapshot: string;
  sealed_at: ColumnType<Date, string, never>;
  head: Buffer;
}

interface OutboxTable {
  child_id: string;
  version: number;
  urgent: Generated<boolean>;
  changed_at: Generated<Date>;
  claimed_at: Date | null;
}

interface DeadLetterTable {
  id: string;
  child_id: string;
  version: number;
  reason: string;
  failed_at: Generated<Date>;
  opened_at: Generated<Date>;
  retried_at: Date | null;
}

interface IndexBuildTable {
  index_name: string;
  mapping_version: number;
  state: 'filling' | 'building' | 'live' | 'kept' | 'retired';
  started_at: Generated<Date>;
  queued_up_to: string | null;
  queued_at: Date | null;
  merge_task: string | null;
  live_at: Date | null;
  kept_at: Date | null;
  dropped_at: Date | null;
}

export const rebuildStates = ['running', 'checking', 'done', 'failed', 'cancelled', 'rolled-back'] as const;
export type RebuildState = (typeof rebuildStates)[number];
export const rebuildFailures = ['index-lost', 'refused', 'differs'] as const;
export type RebuildFailure = (typeof rebuildFailures)[number];

interface RebuildTable {
  id: string;
  rolls_back: string | null;
  state: Generated<RebuildState>;
  reason: RebuildFailure | null;
  from_index: string | null;
  to_index: string | null;
  mapping_version: number | null;
  after_id: string | null;
  total: Generated<number>;
  copied: Generated<number>;
  repaired: Generated<number>;
  refused: Generated<number>;
  attempts: Generated<number>;
  worker: string | null;
  heartbeat_at: Date | null;
  started_at: Generated<Date>;
  copied_at: Date | null;
  moving_at: Date | null;
  ended_at: Date | null;
}

interface IndexReconciliationTable {
  id: string;
  deep: Generated<boolean>;
  state: Generated<'requested' | 'running' | 'done' | 'failed'>;
  requested_at: Generated<Date>;
  requested_by: string | null;
  started_at: Date | null;
  ended_at: Date | null;
  index_name: string | null;
  turn: number | null;
  records: Generated<number>;
  documents: Generated<number>;
  buckets_compared: Generated<number>;
  missing: Generated<number>;
  stale: Generated<number>;
  extra: Generated<number>;
  repaired: Generated<number>;
  reason: string | null;
}

interface MatchingQueueTable {
  id: string;
  source: string;
  source_id: string;
  batch_id: string | null;
  row: unknown;
  candidate_ids: string[];
  quarantined: Generated<boolean>;
  queued_at: Generated<Date>;
  decided_at: Date | null;
  decided_by: string | null;
  decision: 'link' | 'create' | 'discard' | null;
  child_id: string | null;
}

/** Parts of a record that a family may call wrong. */
export const disputedParts = [
  'names',
  'dateOfBirth',
  'gender',
  'diedOn',
  'addresses',
  'parents',
  'services',
  'involvements',
  'leadProfessional',
  'cafIndicator',
  'consentTo25',
] as const;
export type DisputedPart = (typeof disputedParts)[number];

interface RetentionRunTable {
  id: string;
  on_day: string;
  dry_run: boolean;
  state: Generated<'running' | 'done' | 'failed'>;
  started_at: Generated<Date>;
  ended_at: Date | null;
  archived_at_18: Generated<number>;
  archived_at_25: Generated<number>;
  archived_after_death: Generated<number>;
  destroyed: Generated<number>;
  audit_rows: Generated<number>;
}

interface AuthorityContactTable {
  authority: string;
  phone: string;
  opens: string;
  closes: string;
  out_of_hours_phone: string;
}

interface ProtectionTable {
  sequence: number;
  at: Generated<Date>;
  kind: 'shield' | 'unshield' | 'destroy' | 'remove' | 'archive' | 'unarchive' | 'consent' | 'account';
  /** Null of an account. */
  child_id: string | null;
  number: string | null;
  shield: unknown;
  details: unknown;
}
