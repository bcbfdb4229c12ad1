import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

/** `npm run test:probes -- [--probes 10000] [--seed 1]`: the probes of what shields hide, more of them than the tests send. */
const { values } = parseArgs({
  options: { probes: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
});
const tap = spawn('tap', ['--timeout=3600', '--disable-coverage', 'test/children/shield-probes.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, PROBES: values.probes, PROBES_SEED: values.seed },
});
tap.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
