import type { Broken, Fault } from './verify.js';

const words: Record<Fault, string> = {
  edited: 'is not the row that was sealed',
  removed: 'is gone, or its place in the chain is',
  inserted: 'claims a time at which it was not there',
  reordered: 'stands in the place of another',
  seal: 'the seal does not fit its rows',
  rewritten: 'the seal is not the one whose head was exported',
  truncated: 'its head was exported, and it is not there any more',
  signature: 'its exported head is not signed with the key',
  unsealed: 'has not been sealed for too long: do the workers run?',
};

/** One line for an operator. */
export function describeBroken({ fault, eventId, position, seal, fromPosition, toPosition }: Broken): string {
  const where = [
    eventId === undefined ? '' : `audit event ${eventId}`,
    position === undefined ? '' : `position ${position}`,
    fromPosition === undefined ? '' : `positions ${fromPosition} to ${toPosition}`,
    seal === undefined ? '' : `seal ${seal}`,
  ].filter(Boolean);
  return `first broken: ${where.join(', ')}: ${fault}, ${words[fault]}`;
}
