import { Command } from 'commander';
import { wholeNumber } from '../src/cli/arguments.js';
import { runProgram } from '../src/cli/exit.js';
import { CommandError, UsageError } from '../src/errors.js';
import { type FaultName, faultNames } from './faults/trial/faults.js';
import { breachesOf, runTrial, tableOf } from './faults/trial/trial.js';

interface Flags {
  children: number;
  seed: number;
  rounds: number;
  faults?: string;
  hold: number;
  changes: number;
  searches: number;
}

/** Everything dies under load, and nothing may be lost: docs/faults.md. */
const command = new Command('test:faults')
  .option('--children <n>', 'how many', wholeNumber(200, 1_000_000), 2_000)
  .option('--seed <n>', 'of the children, the load and the order', wholeNumber(0, 1_000_000_000), 1)
  .option('--rounds <n>', 'the first in turn, the others at random', wholeNumber(1, 100), 1)
  .option('--faults <list>', `some of these, with commas between: ${faultNames.join(', ')} (default: all)`)
  .option('--hold <seconds>', 'how long what stands still or refuses does so', wholeNumber(1, 600), 20)
  .option('--changes <n>', 'a second', wholeNumber(1, 1_000), 100)
  .option('--searches <n>', 'a second', wholeNumber(1, 1_000), 20)
  .exitOverride()
  .action(run);

await runProgram(() => command.parseAsync());

async function run({ faults: list, hold, changes, searches, ...flags }: Flags): Promise<void> {
  const chosen = list === undefined ? faultNames : list.split(',').map((name) => name.trim() as FaultName);
  const unknown = chosen.filter((name) => !faultNames.includes(name));
  if (unknown.length > 0) throw new UsageError(`There is no fault ${unknown.join(', ')}`);
  const breakOff = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => breakOff.abort(new Error('broken off')));
  const teardowns: (() => unknown)[] = [];
  try {
    const outcomes = await runTrial(
      { teardown: (work) => void teardowns.unshift(work) },
      {
        ...flags,
        faults: chosen,
        holdSeconds: hold,
        changesPerSecond: changes,
        searchesPerSecond: searches,
        say: (line) => process.stderr.write(`${line}\n`),
        signal: breakOff.signal,
      },
    );
    console.log(tableOf(outcomes));
    const breaches = breachesOf(outcomes, chosen);
    if (breaches.length > 0) throw new CommandError(breaches.join('\n'));
  } finally {
    for (const teardown of teardowns) await teardown();
  }
}
