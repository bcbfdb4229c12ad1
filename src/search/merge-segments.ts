import { setTimeout as delay } from 'node:timers/promises';
import type { estypes } from '@elastic/elasticsearch';
import type { Context } from '../context.js';

const LOOKED_AT_EVERY_MS = 200;

type Searched = Pick<Context, 'elasticsearch'>;

/**
 * Begins to bring what a load leaves in many segments into one: searches then ask once where they asked dozens of times.
 * By a task, since eleven million take minutes: longer than any one request is waited for.
 */
export async function startMerging({ elasticsearch }: Searched, index: string): Promise<estypes.TaskId | undefined> {
  await elasticsearch.indices.refresh({ index });
  const { task } = await elasticsearch.indices.forcemerge({ index, max_num_segments: 1, wait_for_completion: false });
  return task;
}

interface Patience {
  /** Looks again and again for so long; for ever where it is not given. */
  withinMs?: number;
  signal?: AbortSignal;
}

/** @returns whether it has ended. A task that is not known any more has, and so has one of a node that is gone */
export async function hasMerged(
  { elasticsearch }: Searched,
  task: estypes.TaskId,
  { withinMs = Number.POSITIVE_INFINITY, signal }: Patience = {},
): Promise<boolean> {
  const until = performance.now() + withinMs;
  for (;;) {
    const { completed = true } = await elasticsearch.tasks.get({ task_id: String(task) }, { ignore: [404] });
    if (completed || performance.now() >= until) return completed;
    await delay(LOOKED_AT_EVERY_MS, undefined, signal ? { signal } : {});
  }
}
