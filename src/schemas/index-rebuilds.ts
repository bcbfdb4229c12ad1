import { Type } from 'typebox';
import { rebuildFailures, rebuildStates } from '../db/schema.js';
import { nullable } from './common.js';

const strict = { additionalProperties: false };
const uuid = Type.String({ format: 'uuid' });
const moment = Type.String({ format: 'date-time' });

export const rebuildParams = Type.Object({ rebuildId: uuid }, strict);
export const rebuildStartedSchema = Type.Object({ rebuildId: uuid });

export const rebuildSchema = Type.Object({
  rebuildId: uuid,
  state: Type.Enum([...rebuildStates], {
    description: 'running: copying and merging. checking: compared with PostgreSQL',
  }),
  rollsBack: nullable(uuid),
  reason: nullable(Type.Enum([...rebuildFailures], { description: 'Why it failed' })),
  fromIndex: nullable(Type.String()),
  toIndex: nullable(Type.String()),
  mappingVersion: nullable(Type.Integer()),
  progress: Type.Object({
    total: Type.Integer({ description: 'Children when it began' }),
    copied: Type.Integer(),
    repaired: Type.Integer({ description: 'Differences found by the check and put right' }),
    refused: Type.Integer(),
    percent: Type.Number(),
    secondsLeft: nullable(Type.Integer({ description: 'Of copying, at the speed so far' })),
  }),
  mayRollBack: Type.Boolean({ description: 'Its old index is still there' }),
  startedAt: moment,
  copiedAt: nullable(moment),
  endedAt: nullable(moment),
});
export type RebuildView = Type.Static<typeof rebuildSchema>;

export const rebuildListSchema = Type.Object({
  rebuilds: Type.Array(rebuildSchema, { description: 'The latest first' }),
});
