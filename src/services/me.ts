import type { Caller } from '../caller.js';
import type { Context } from '../context.js';
import { findOrganisationName } from '../db/organisations.js';
import { countRecoveryCodes } from '../db/users.js';
import type { Me } from '../schemas/session.js';

export async function readMe({ db }: Context, { userId, name, role, organisationId, authority }: Caller): Promise<Me> {
  const organisation = organisationId ? await findOrganisationName(db, organisationId) : undefined;
  const recoveryCodesLeft = await countRecoveryCodes(db, userId);
  return { userId, name, role, organisation: organisation ?? null, authority, recoveryCodesLeft };
}
