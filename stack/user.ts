import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { StackError } from './errors.js';

/** PostgreSQL and Elasticsearch refuse to run as root, so root lends them an account that may do little. */
export interface ServiceUser {
  name: string;
  uid: number;
  gid: number;
}

/**
 * @returns the unprivileged account for the services when this process is root's; undefined when it is not, since then
 * the services run as the user themself
 * @throws StackError when root has no such account to lend
 */
export function serviceUser(uid = process.getuid?.(), passwd = '/etc/passwd'): ServiceUser | undefined {
  if (uid !== 0) return undefined;
  const accounts = readFileSync(passwd, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , accountUid, gid]) => ({ name, uid: Number(accountUid) >>> 0, gid: Number(gid) >>> 0 }))
    .filter((account) => account.name !== '' && account.uid !== 0);
  const found =
    accounts.find((account) => account.name === 'nobody') ?? accounts.find((account) => account.uid === 65534);
  if (found) return found;
  throw new StackError(
    'You are root, whom PostgreSQL and Elasticsearch refuse, and this machine has no account "nobody" for them.\n' +
      'Run the stack as another user, or add the account: useradd --system --no-create-home nobody',
  );
}

/**
 * The first folder on the way to `target` that `user` may not pass, judged by the permission bits; undefined when the
 * way is free. Parts that do not exist yet will be made passable, so they are no obstacle.
 */
export function obstacleFor(user: ServiceUser | undefined, target: string): string | undefined {
  if (!user) return undefined;
  const absolute = path.resolve(target);
  const { root } = path.parse(absolute);
  const parts = absolute.slice(root.length).split(path.sep);
  for (let depth = 0; depth <= parts.length; depth++) {
    const folder = path.join(root, ...parts.slice(0, depth));
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (!stat) return undefined;
    const shift = stat.uid === user.uid ? 6 : stat.gid === user.gid ? 3 : 0;
    if (((stat.mode >> shift) & 1) === 0) return folder;
  }
  return undefined;
}
