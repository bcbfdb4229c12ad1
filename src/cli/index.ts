import { Command } from 'commander';
import type { Context } from '../context.js';
import type { DeadLetter } from '../db/dead-letters.js';
import { addRebuildCommands } from './index-rebuild.js';

export function indexCommand(): Command {
  const index = new Command('index').description('the index that searches read').enablePositionalOptions();
  index
    .command('health')
    .description('whether it tells the truth; exit code 1 where it is down or drifting')
    .option('--json', 'one JSON object')
    .action(health);
  index
    .command('reconcile')
    .description('compare it with PostgreSQL and have the differences repaired by the workers')
    .option('--deep', 'compare the contents of every document as well')
    .option('--json', 'one JSON object')
    .action(reconcile);
  const letters = index
    .command('dead-letters')
    .description('documents that it refused for good, with the reason')
    .option('--json', 'one JSON object')
    .action(list);
  letters
    .command('retry')
    .description('have it asked again')
    .argument('[id...]', 'of letters; all where none is given')
    .option('--json', 'one JSON object')
    .action(retry);
  return addRebuildCommands(index);
}

async function withContext<T>(role: 'directory_api' | 'directory_worker', use: (context: Context) => Promise<T>) {
  const { readConfig } = await import('../config.js');
  const { createContext } = await import('../context.js');
  const patience = role === 'directory_worker' ? { statementMs: 120_000 } : {};
  const context = await createContext(readConfig(), { role, application: 'directory-cli', poolSize: 4, ...patience });
  try {
    return await use(context);
  } finally {
    await context.close();
  }
}

async function health(options: { json?: boolean }): Promise<void> {
  const { createHealthReader } = await import('../services/index/health.js');
  const found = await withContext('directory_api', async (context) => {
    const reader = createHealthReader(context);
    try {
      return await reader.read();
    } finally {
      await reader.close();
    }
  });
  if (options.json) console.log(JSON.stringify(found));
  else {
    const { status, reasons, index, documents, records, lag, deadLetters, drift } = found;
    console.log([status, ...reasons].join('\n  '));
    console.log(`index ${index ?? 'none'}: ${told(documents)} documents of ${told(records)} records`);
    console.log(`${told(lag.pending)} changes on their way, the oldest for ${told(lag.seconds)} s`);
    console.log(`${told(deadLetters)} dead letters`);
    console.log(
      drift.checkedAt === null
        ? 'never checked against PostgreSQL'
        : `checked ${drift.checkedAt.toISOString()}: ${differences(drift)}`,
    );
  }
  if (found.status === 'down' || found.status === 'drifting') process.exitCode = 1;
}

const told = (value: number | null) => value ?? 'an unknown number of';

interface Counts {
  missing: number | null;
  stale: number | null;
  extra: number | null;
  repaired: number | null;
}

function differences({ missing, stale, extra, repaired }: Counts): string {
  return `${missing} missing, ${stale} stale, ${extra} extra, ${repaired} repaired`;
}

async function reconcile(options: { deep?: boolean; json?: boolean }): Promise<void> {
  const { CommandError } = await import('../errors.js');
  const { createProgress } = await import('./progress.js');
  const service = await import('../services/index/reconcile.js');
  const progress = createProgress('comparing', 4_096);
  const found = await withContext('directory_worker', (context) =>
    service.reconcile(context, {
      deep: options.deep ?? false,
      onProgress: (done, total) => progress.update((done / total) * 4_096),
    }),
  ).finally(() => progress.stop());
  if (!found) {
    throw new CommandError(
      'The index was not checked: another check is going on, or there is no complete index (directory index health)',
    );
  }
  const { records, documents, missing, stale, extra, repaired, reason } = found;
  if (options.json) console.log(JSON.stringify(found));
  else {
    console.log(`${documents} documents compared with ${records} records: ${differences(found)}`);
    if (reason) console.log(reason);
  }
  const left = missing + stale + extra - repaired;
  if (left > 0) {
    console.error(`${left} differences are left: do the workers run?`);
    process.exitCode = 1;
  }
}

async function list(options: { json?: boolean }): Promise<void> {
  const { readDeadLetters } = await import('../services/index/dead-letters.js');
  const deadLetters = await withContext('directory_api', async (context) => {
    const found: DeadLetter[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await readDeadLetters(context, cursor === undefined ? {} : { cursor });
      found.push(...page.deadLetters);
      if (page.next === null) return found;
      cursor = page.next;
    }
  });
  if (options.json) console.log(JSON.stringify({ total: deadLetters.length, deadLetters }));
  else {
    for (const { id, childId, failedAt, reason } of deadLetters)
      console.log([id, childId, failedAt.toISOString(), reason].join('  '));
    console.error(`${deadLetters.length} dead letters`);
  }
}

async function retry(ids: string[], options: { json?: boolean }): Promise<void> {
  const { UsageError } = await import('../errors.js');
  const { retryDeadLetters } = await import('../db/dead-letters.js');
  const { recordSystemAudit } = await import('../db/audit.js');
  if (!ids.every((id) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)))
    throw new UsageError('An id of a dead letter is a UUID: directory index dead-letters lists them');
  const retried = await withContext('directory_worker', ({ db }) =>
    db.transaction().execute(async (trx) => {
      const letters = await retryDeadLetters(trx, ids.length > 0 ? ids : undefined);
      await recordSystemAudit(trx, { action: 'retry-dead-letters', details: { retried: letters } });
      return letters;
    }),
  );
  console.log(options.json ? JSON.stringify({ retried }) : `${retried} dead letters are tried again`);
}
