import { type Kysely, sql } from 'kysely';

/** What signing in leaves behind goes at night; auditors find whoever had somebody else search for them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create index audit_events_by_behalf on audit_events (on_behalf_of, at) where on_behalf_of is not null;
    create index sessions_by_expiry on sessions (expires_at);
    create index idempotency_keys_by_time on idempotency_keys (created_at);

    -- The owner's right, lent to workers for this alone: they see nothing of sessions, and end none that could be used.
    create function forget_sign_ins() returns void
    language plpgsql security definer set search_path = pg_catalog, public as $$
    begin
      delete from sessions where expires_at < clock_timestamp() - interval '1 day';
      delete from sign_in_failures where failed_at < clock_timestamp() - interval '1 day'
        and (locked_until is null or locked_until < clock_timestamp());
    end $$;
    comment on function forget_sign_ins is 'Removes sessions a day after they expired, with their spent refresh tokens, and failures that no wait depends on';
    revoke execute on function forget_sign_ins from public;
    grant execute on function forget_sign_ins to directory_worker;
    comment on column sign_in_failures.source is 'Keyed hash of the network address, or the operator who verified on the telephone: the same one is known again, and no address can be read';
  `.execute(db);
}
