import { CommandError } from './errors.js';

/**
 * What an operator can do about an address that can't be listened on.
 * @param how the settings that give another port
 */
export function listenFailure(
  error: NodeJS.ErrnoException,
  { host, port }: { host: string; port: number },
  how: string,
): Error {
  if (error.code === 'EADDRINUSE') return new CommandError(`Port ${port} is taken: give another with ${how}`);
  if (error.code === 'EACCES')
    return new CommandError(`Port ${port} may not be used by this user: give one above 1023`);
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return new CommandError(`HOST is no address of this machine: ${host}`);
  return error;
}
