import type { Role } from './db/schema.js';

/** Who asks, as read from the database at this request; never from the token alone. */
export interface Caller {
  userId: string;
  name: string;
  role: Role;
  organisationId: string | null;
  authority: string | null;
  mayOverrideShields: boolean;
  /** Null for who came with a token of the identity provider. */
  sessionId: string | null;
}

/** Why a child's record is touched: a fixed list, sent as X-Access-Reason. */
export const accessReasons = [
  'direct-work',
  'contact-practitioner',
  'safeguarding',
  'caller-verification',
  'record-maintenance',
  'matching',
  'audit',
] as const;
export type AccessReason = (typeof accessReasons)[number];

/** One request's identity: what every service that touches a child is handed. */
export interface Access {
  caller: Caller;
  reason: AccessReason;
  requestId: string;
  /** The verified practitioner for whom a call-centre operator asks: the answer is made for their eyes, and both are audited. */
  onBehalfOf?: Caller;
}

/** Whose eyes an answer is made for. */
export function viewerOf({ caller, onBehalfOf }: Access): Caller {
  return onBehalfOf ?? caller;
}
