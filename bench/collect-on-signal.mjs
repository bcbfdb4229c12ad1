import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Loaded into a process whose heap is measured (`node --import`): collects its garbage, all of it, when it is told to. */
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
// Without this handler the signal does nothing; SIGUSR2 would end a process that closes with grace.
process.on('SIGWINCH', () => collect());
