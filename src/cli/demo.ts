import { runDemo } from './demo/run-demo.js';
import { runProgram } from './exit.js';

await runProgram(() => runDemo({ once: process.argv.slice(2).includes('--once') }));
