import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { wholeNumber } from '../src/cli/arguments.js';
import { runProgram } from '../src/cli/exit.js';
import { CommandError } from '../src/errors.js';
import { openBenchDirectory, percentile } from './bench-directory.js';
import { ask, type LoadChild, type Reply, startLoad } from './load.js';
import { takeChildren } from './own-children.js';

/**
 * How long after the answer to a change the change is found by search, while changes come at a rate: docs/load.md.
 * `npm run directory -- stack run -- node --import tsx bench/change-to-visible.ts --children 20000 --rate 200 --seconds 60`
 */
interface Flags {
  children: number;
  instance?: string;
  rate: number;
  seconds: number;
  sampled: number;
}

/** Node.js, Elasticsearch and PostgreSQL's caches are cold at first: as in the bench, what is measured is a directory at work. */
const WARM_UP_SECONDS = 45;
const MOST_WAITING = 64;
const MOST_PROBES = 40;
const MOST_CHILDREN = 50_000;
const GIVE_UP_MS = 30_000;
/** Between two looks: this, or this share of the time gone by, so that late changes are not searched for all the more. */
const PAUSE_MS = 20;
const PAUSE_SHARE = 0.1;

const command = new Command('change-to-visible')
  .option('--children <n>', 'how many', wholeNumber(100, 100_000_000), 20_000)
  .option('--instance <name>', 'a directory by name, which is kept')
  .option('--rate <n>', 'changes a second', wholeNumber(1, 10_000), 200)
  .option('--seconds <n>', 'how long', wholeNumber(1, 3_600), 60)
  .option('--sampled <n>', 'changes a second that are searched for', wholeNumber(1, 1_000), 5)
  .exitOverride()
  .action(run);

await runProgram(() => command.parseAsync());

async function run(flags: Flags): Promise<void> {
  const directory = await openBenchDirectory({ ...flags, say: (line) => console.error(line) });
  try {
    const { children, managerToken, practitionerToken } = await takeChildren(directory, MOST_CHILDREN);
    const probing = startProbing(directory.url, practitionerToken, flags.sampled);
    const load = startLoad({
      urls: [directory.url],
      children,
      managerToken,
      practitionerToken,
      changesPerSecond: flags.rate,
      searchesPerSecond: 0,
      mostWaiting: MOST_WAITING,
      seed: 1,
      renamed: probing.sample,
      heard: probing.noteRefusal,
    });
    await delay(WARM_UP_SECONDS * 1_000);
    load.take();
    probing.begin();
    const began = performance.now();
    await delay(flags.seconds * 1_000);
    const { acknowledged, changesFailed, changesQueued, held, changeMs } = load.take();
    const seconds = (performance.now() - began) / 1_000;
    const probed = await probing.end();
    await load.stop();
    const rate = acknowledged.length / seconds;
    console.log(
      JSON.stringify({
        children: directory.load.children,
        seconds: Math.round(seconds * 10) / 10,
        wantedPerSecond: flags.rate,
        changesPerSecond: Math.round(rate * 10) / 10,
        changes: acknowledged.length,
        changesFailed,
        changesQueued,
        notSent: held,
        changeMs: figures(changeMs),
        ...probed.counts,
        refusals: probed.refusals,
        visibleMs: figures(probed.times),
      }),
    );
    const failed = changesFailed + held + probed.counts.notFound + probed.counts.searchesFailed;
    if (failed > 0) throw new CommandError('Not every change was sent, acknowledged and found');
  } finally {
    await directory.close();
  }
}

/**
 * Searches for some of the renamed children: which, is a matter of the time alone and not of how quickly others are found,
 * or slow seconds would be sampled less. Without the date of birth nothing but the new name leads to the child, so a
 * fuzzy search finds it by the new document alone.
 */
function startProbing(url: string, token: string, perSecond: number) {
  const probes = new Set<Promise<void>>();
  const times: number[] = [];
  const counts = { sampled: 0, notProbed: 0, notFound: 0, searches: 0, searchesFailed: 0 };
  const refusals: Record<string, number> = {};
  let began = Number.POSITIVE_INFINITY;
  let counting = false;

  function noteRefusal(reply: Reply): void {
    const what = reply.kind === 'answered' ? String(reply.status) : reply.kind;
    if (what !== '200' && counting) refusals[what] = (refusals[what] ?? 0) + 1;
  }

  async function probe(childId: string, body: object): Promise<void> {
    const answered = performance.now();
    for (;;) {
      const reply = await ask(url, { method: 'POST', route: '/v1/children/search', token, body });
      const gone = performance.now() - answered;
      counts.searches++;
      noteRefusal(reply);
      if (reply.kind !== 'answered' || reply.status !== 200) counts.searchesFailed++;
      else if (reply.body?.results?.some((result) => result.childId === childId)) return void times.push(gone);
      if (gone > GIVE_UP_MS) return void counts.notFound++;
      await delay(Math.max(PAUSE_MS, gone * PAUSE_SHARE));
    }
  }

  return {
    noteRefusal,
    begin() {
      began = performance.now();
      counting = true;
    },
    sample({ childId, givenNames, familyName }: Readonly<LoadChild>) {
      const due = Math.floor(((performance.now() - began) / 1_000) * perSecond);
      if (!(counts.sampled + counts.notProbed < due)) return;
      if (probes.size >= MOST_PROBES) return void counts.notProbed++;
      counts.sampled++;
      const one: Promise<void> = probe(childId, { givenNames, familyName, limit: 50 }).finally(() =>
        probes.delete(one),
      );
      probes.add(one);
    },
    /** No more are begun; returns when the last has ended. */
    async end() {
      began = Number.POSITIVE_INFINITY;
      await Promise.all(probes);
      return { times, counts, refusals };
    },
  };
}

function figures(times: number[]) {
  const [p50, p95, p99, most] = [0.5, 0.95, 0.99, 1].map((share) => Math.round(percentile(times, share)));
  return { p50, p95, p99, most };
}
