import { type Kysely, sql } from 'kysely';

/** What shields ask for beyond standing: decisions on the household, reviews, and the right to look past one. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create index child_addresses_without_postcode on child_addresses (lower(line1), lower(town))
      where postcode is null and line1 <> '';
    create index child_parents_by_phone on child_parents (right(regexp_replace(phone, '[^0-9]', '', 'g'), 9))
      where phone is not null;
    create index child_parents_by_email on child_parents (lower(email)) where email is not null;
    create index shields_by_review on shields (review_on, id) where lifted_at is null;

    create table shield_decisions (
      id uuid primary key,
      shield_id uuid not null references shields (id) on delete cascade,
      child_id uuid not null references children (id) on delete cascade,
      decision text not null check (decision in ('shield', 'leave', 'refer', 'undecided')),
      shares text[] not null check (shares <> '{}' and shares <@ array['address', 'parent']),
      reason text not null,
      decided_by uuid not null references users (id),
      decided_at timestamptz not null default now()
    );
    create index shield_decisions_by_shield on shield_decisions (shield_id, child_id);
    create index shield_decisions_by_child on shield_decisions (child_id);
    comment on table shield_decisions is 'What was decided on each child who shares an address or a parent with a shielded one, when the shield was set or reviewed. For the authority of the shield alone: on the record of a child who was left open it would give the other away';
    comment on column shield_decisions.decision is 'refer: the child is another authority''s, whose management team must be spoken to; nothing here tells them. undecided: the shield could not wait for it';
    comment on column shield_decisions.reason is 'The stated reason of the request that decided';

    alter table users add column may_override_shields boolean not null default false;
    comment on column users.may_override_shields is 'A right of its own, given by an administrator: one look past a shield of another authority, alerted at once. Of use to a management team alone';

    create table shield_overrides (
      id uuid primary key,
      shield_id uuid not null references shields (id) on delete cascade,
      child_id uuid not null references children (id) on delete cascade,
      authority text not null references authorities (code),
      user_id uuid not null references users (id),
      reason text not null check (reason in ('immediate-danger', 'missing-child', 'medical-emergency', 'child-protection-enquiry', 'court-order')),
      overridden_at timestamptz not null default now()
    );
    create index shield_overrides_by_authority on shield_overrides (authority, id);
    create index shield_overrides_by_child on shield_overrides (child_id);
    comment on table shield_overrides is 'Looks past a shield, for the management team of the authority that was responsible at that moment';

    grant select, insert on shield_decisions, shield_overrides to directory_api;
    grant select on shield_decisions, shield_overrides to directory_worker;
  `.execute(db);
}
