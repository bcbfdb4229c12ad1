import type { Caller } from '../caller.js';
import type { ChildFacts, ChildRecord, NameVariant } from '../db/children.js';

/** A child as one caller may see it. With `hidden` some of it was taken away, and its version may not be told. */
export type Visible<T extends ChildFacts> = T & { hidden: boolean };

/** Everything of a shielded child that a caller without entitlement may not see, emptied. */
const hiddenParts = {
  authority: '',
  diedOn: null,
  addresses: [],
  parents: [],
  services: [],
} satisfies Partial<ChildRecord>;

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
  if (!child.shielded || responsible) return { ...child, hidden: false };
  const shown: Visible<T> = { ...child, hidden: true, names: child.names.filter(isCurrent) };
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
  return { ...child, hidden: false };
}

/** A management team of the child's own authority; an absent authority is responsible for nobody. */
export function isResponsible(caller: Caller, authority: string): boolean {
  return caller.role === 'management-team' && !!caller.authority && caller.authority === authority;
}

function isCurrent(name: NameVariant): boolean {
  return name.kind === 'current';
}
