import { accessSync, chmodSync, chownSync, constants, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { StackError } from './errors.js';
import { obstacleFor, type ServiceUser, serviceUser } from './user.js';

/** Where root keeps the stack when the project lies where the services' account can't go, such as below /root. */
const rootsHome = '/var/lib/child-directory';

/** The folder of the stack's data, downloads and pid files: DIRECTORY_HOME, else `.directory` in the project. */
export function defaultHome(
  env: NodeJS.ProcessEnv,
  projectRoot: string,
  user: ServiceUser | undefined = serviceUser(),
): string {
  if (env.DIRECTORY_HOME) return path.resolve(env.DIRECTORY_HOME);
  const inProject = path.join(projectRoot, '.directory');
  return obstacleFor(user, inProject) ? rootsHome : inProject;
}

/**
 * Makes the home folder and returns its real path, by which running servers are recognised afterwards.
 * @throws StackError when it can't be made, written, or reached by the services' account
 */
export function prepareHome(home: string, user: ServiceUser | undefined): string {
  const absolute = path.resolve(home);
  requireReach(absolute, user);
  try {
    makeFolder(absolute);
    accessSync(absolute, constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new StackError(
      `The folder for the stack, ${absolute}, can't be made or written (${code}).\n` +
        'Set DIRECTORY_HOME to a folder of your own.',
    );
  }
  return realpathSync(absolute);
}

/** @throws StackError when the services' account can't pass to `folder` */
export function requireReach(folder: string, user: ServiceUser | undefined): void {
  const obstacle = obstacleFor(user, folder);
  if (!user || !obstacle) return;
  throw new StackError(
    `The services run as "${user.name}", since they refuse root, and ${obstacle} is closed to that account.\n` +
      `Set DIRECTORY_HOME to a folder that it can reach, such as ${rootsHome}.`,
  );
}

export function realHome(home: string): string {
  return existsSync(home) ? realpathSync(home) : path.resolve(home);
}

/** Makes a folder that every account may pass, whatever the umask; `owner` gets it for itself alone. */
export function makeFolder(folder: string, owner?: { user: ServiceUser | undefined }): void {
  const firstMade = mkdirSync(folder, { recursive: true });
  if (owner) {
    chmodSync(folder, 0o700);
    if (owner.user) chownSync(folder, owner.user.uid, owner.user.gid);
  } else if (firstMade) {
    for (let made = folder; made.length >= firstMade.length; made = path.dirname(made)) chmodSync(made, 0o755);
  }
}

/** @throws StackError when the disk that holds `folder` has less than `megabytes` free */
export async function requireSpace(folder: string, megabytes: number, purpose: string): Promise<void> {
  const disk = await statfs(folder);
  const free = Math.floor((disk.bavail * disk.bsize) / 2 ** 20);
  if (free >= megabytes) return;
  throw new StackError(
    `The disk of ${folder} has ${free} MB free; ${purpose} takes ${megabytes} MB.\n` +
      'Free some space, or set DIRECTORY_HOME to a folder on another disk.',
  );
}
