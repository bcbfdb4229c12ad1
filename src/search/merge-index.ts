import { setTimeout as delay } from 'node:timers/promises';
import type { estypes } from '@elastic/elasticsearch';
import type { Context } from '../context.js';

const LOOKED_AT_EVERY_MS = 200;

/** Brings an index into one segment a shard. Eleven million children take minutes: longer than any one request is waited for. */
export async function mergeIndex(context: Context, index: string, signal?: AbortSignal): Promise<void> {
  const { task } = await context.elasticsearch.indices.forcemerge({
    index,
    max_num_segments: 1,
    wait_for_completion: false,
  });
  while (task && (await isRunning(context, task))) await delay(LOOKED_AT_EVERY_MS, undefined, signal ? { signal } : {});
}

/** A task that is not known any more has ended, and so has one of a node that is gone. */
async function isRunning({ elasticsearch }: Context, task: estypes.TaskId): Promise<boolean> {
  const { completed = true } = await elasticsearch.tasks.get({ task_id: String(task) }, { ignore: [404] });
  return !completed;
}
