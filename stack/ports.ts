import { randomInt } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { StackError } from './errors.js';

export type Ports = Record<string, number>;

export function readPorts(file: string): Ports {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Ports;
  } catch {
    return {};
  }
}

export interface PortChoice {
  /** Where the ports are remembered between starts. */
  file: string;
  /** The servers about to be started. */
  names: string[];
  /** Other services of this stack run, so that programs may rely on the remembered ports. */
  inUse: boolean;
  /** How long a port may take to come free: a server that was killed holds it longer than it can be seen to live. */
  patienceMs: number;
  progress: (line: string) => void;
}

/**
 * The port of each name: the one it had before, else a free one. If a stranger has taken it meanwhile, another is chosen
 * when the whole stack is down, since then nobody holds the old URL.
 * @throws StackError when it is taken and the rest of the stack runs
 */
export async function choosePorts(choice: PortChoice): Promise<Ports> {
  const ports = readPorts(choice.file);
  for (const name of choice.names) {
    const before = ports[name];
    if (before !== undefined && (await comesFree(before, choice.patienceMs))) continue;
    if (before !== undefined && choice.inUse) {
      throw new StackError(
        `Port ${before}, on which ${name} of the running stack must come back, is taken by another program.\n` +
          'End that program; or "stack down" and "stack up", which takes another port.',
      );
    }
    ports[name] = await freePort(new Set(Object.values(ports)));
    if (before !== undefined) choice.progress(`${name}: port ${before} is taken, now on ${ports[name]}`);
  }
  writeFileSync(`${choice.file}.new`, `${JSON.stringify(ports)}\n`);
  renameSync(`${choice.file}.new`, choice.file);
  return ports;
}

async function comesFree(port: number, patienceMs: number): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  while (!(await isFree(port))) {
    if (Date.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * Below 32768, where systems begin to give out ports for outgoing connections: a client that keeps calling a server which
 * is down could otherwise be given that very port, and would then hold it against the server.
 */
async function freePort(taken: Set<number>): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(15_000, 32_000);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new StackError('No free port was found between 15000 and 32000 on 127.0.0.1.');
}
