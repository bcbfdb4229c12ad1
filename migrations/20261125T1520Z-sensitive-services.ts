import { type Kysely, sql } from 'kysely';

/** Services that are held by consent or by a decision only, as involvements have been from the start. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table child_services
      add column sensitive text check (sensitive in ('sexual-health', 'mental-health', 'substance-abuse')),
      add column sensitive_basis text check (sensitive_basis in ('consent', 'significant-harm')),
      add check ((sensitive is null) = (sensitive_basis is null)),
      add check (sensitive is null or kind = 'other');
    comment on column child_services.sensitive is 'Shown to the management team of the child''s authority alone; others see that there is one';
    comment on column child_services.sensitive_basis is 'A sensitive service is held only by consent or by a recorded significant-harm decision';
    comment on column involvements.sensitive is 'Shown to whoever declared it and to the management team of the child''s authority; others see that there is one';
    comment on column involvements.organisation is 'Employer of the practitioner when the involvement was declared';
    comment on column involvements.role is 'One of a fixed list';
    comment on table lead_professionals is 'The practitioner who coordinates, by their involvement, which is never a sensitive one; at most one a child';
  `.execute(db);
}
