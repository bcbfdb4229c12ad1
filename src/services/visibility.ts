import type { Caller } from '../caller.js';
import type { ChildFacts, ChildRecord, Involvement, NameVariant, Standing } from '../db/children.js';
import { birthday, todayInEngland } from './child-age.js';

/** A child as one caller may see it. With `hidden` some of it was taken away, and its version may not be told. */
export type Visible<T extends ChildFacts> = T & {
  hidden: boolean;
  /** That there is a sensitive service, whoever may see which; of a whole record only. */
  sensitiveService: boolean;
};

/** Everything of a shielded child that a caller without entitlement may not see, emptied. */
const hiddenParts = {
  authority: '',
  diedOn: null,
  addresses: [],
  parents: [],
  consentTo25: false,
  disputed: [],
  services: [],
  involvements: [],
  leadProfessional: null,
  cafIndicator: null,
} satisfies Partial<ChildRecord>;

/** How long after its end an involvement is shown. */
const SHOWN_YEARS = 1;

/**
 * The one place where it is decided what of a child a caller sees; search, reading and whatever comes later all ask
 * here, with the record as PostgreSQL holds it now.
 * @returns undefined where the caller may not know of the child at all
 */
export function visibleTo<T extends ChildFacts>(caller: Caller, child: T): Visible<T> | undefined {
  // Written as a list of who may, so that a role that is new, empty or misspelt sees nothing.
  if (caller.role !== 'practitioner' && caller.role !== 'management-team') return undefined;
  const responsible = isResponsible(caller, child.authority);
  if (child.archived && !responsible) return undefined;
  if (!child.shielded || responsible) return unhidden(caller, child, responsible);
  return behindShield(child);
}

/** What a shield leaves of a child. */
export function behindShield<T extends ChildFacts>(child: T): Visible<T> {
  const shown: Visible<T> = {
    ...child,
    hidden: true,
    sensitiveService: false,
    names: child.names.filter(isCurrent),
  };
  for (const [part, emptied] of Object.entries(hiddenParts)) {
    if (part in shown) Object.assign(shown, { [part]: emptied });
  }
  return shown;
}

/** A right of its own, which a management team has by its administrator only. */
export function mayOverrideShields(caller: Caller): boolean {
  return caller.role === 'management-team' && caller.mayOverrideShields === true;
}

/**
 * The whole of a shielded child, for the one view that an override gives: whoever calls this has recorded it.
 * @returns undefined where the caller may not look past a shield, or no shield hides anything from them
 */
export function pastShield<T extends ChildFacts>(caller: Caller, child: T): Visible<T> | undefined {
  if (!mayOverrideShields(caller) || !visibleTo(caller, child)?.hidden) return undefined;
  return unhidden(caller, child, true);
}

/** All that nobody hides by a shield: sensitive services, and work that ended long ago, are another matter. */
function unhidden<T extends ChildFacts>(caller: Caller, child: T, responsible: boolean): Visible<T> {
  return { ...child, sensitiveService: false, ...workShown(caller, child, responsible), hidden: false };
}

type Work = Pick<
  Visible<ChildRecord>,
  'services' | 'involvements' | 'leadProfessional' | 'cafIndicator' | 'sensitiveService'
>;

/** Who works with the child: nobody whose work ended long ago, and of sensitive services only that there is one. */
function workShown(caller: Caller, child: ChildFacts | ChildRecord, responsible: boolean): Partial<Work> {
  if (!('involvements' in child)) return {};
  const { services, leadProfessional, cafIndicator } = child;
  const today = todayInEngland();
  const involvements = child.involvements.filter(
    ({ endedOn }) => endedOn === null || birthday(endedOn, SHOWN_YEARS) > today,
  );
  const shown = involvements.filter(
    ({ sensitive, userId }) => sensitive === null || responsible || userId === caller.userId,
  );
  const open = shown.filter(({ sensitive }) => sensitive === null);
  return {
    services: services.filter(({ sensitive }) => sensitive === null || responsible),
    involvements: shown,
    leadProfessional: leadProfessional && isAmong(open.filter(standsOn(today)), leadProfessional),
    cafIndicator: cafIndicator && isAmong(open, cafIndicator),
    sensitiveService: [...services, ...involvements].some(({ sensitive }) => sensitive !== null),
  };
}

/** Whether the practitioner works with the child still, or is going to. @param day YYYY-MM-DD */
export const standsOn =
  (day: string) =>
  ({ endedOn }: Involvement): boolean =>
    endedOn === null || endedOn >= day;

function isAmong<T extends { involvementId: string }>(involvements: Involvement[], held: T): T | null {
  return involvements.some(({ involvementId }) => involvementId === held.involvementId) ? held : null;
}

/**
 * Whether the caller may change the record; or, with `ownWork`, declare and end what is their own in it, which anyone
 * may who sees it whole.
 */
export function mayChange(
  caller: Caller,
  child: Pick<Standing, 'authority' | 'archived' | 'shielded'>,
  ownWork: boolean,
): boolean {
  if (isResponsible(caller, child.authority)) return true;
  return ownWork && !child.shielded && !child.archived && ['practitioner', 'management-team'].includes(caller.role);
}

/** Authority whose shielded children the caller sees whole: nothing else need be read of any other. */
export function entitledTo(caller: Caller): string | null {
  return caller.role === 'management-team' ? caller.authority || null : null;
}

/** A management team of the child's own authority; an absent authority is responsible for nobody. */
export function isResponsible(caller: Caller, authority: string): boolean {
  return caller.role === 'management-team' && !!caller.authority && caller.authority === authority;
}

function isCurrent(name: NameVariant): boolean {
  return name.kind === 'current';
}
