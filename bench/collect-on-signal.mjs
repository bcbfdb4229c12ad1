import { renameSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Loaded into a process whose heap is measured (`node --import`): collects its garbage, all of it, when it is told to, and writes
 * at once what is left, in bytes, before there is any more: HEAP_FIGURES/<process id>.json.
 */
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
let collections = 0;
// Without this handler the signal does nothing; SIGUSR2 would end a process that closes with grace.
process.on('SIGWINCH', () => {
  collect();
  const { heapUsed, heapTotal, external } = process.memoryUsage();
  const file = `${process.env.HEAP_FIGURES}/${process.pid}.json`;
  writeFileSync(`${file}.new`, JSON.stringify({ collections: ++collections, heapUsed, heapTotal, external }));
  renameSync(`${file}.new`, file);
});
