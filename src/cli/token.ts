import { Command } from 'commander';
import { wholeNumber } from './arguments.js';

export function tokenCommand(): Command {
  return new Command('token')
    .description("print a short-lived access token of an account, alone; on the server's own machine")
    .requiredOption('--username <username>', 'whose')
    .option(
      '--minutes <minutes>',
      'how long it is good for (default: AUTH_ACCESS_TOKEN_MINUTES, else 15)',
      wholeNumber(1, 60),
    )
    .action(async (options: { username: string; minutes?: number }) => {
      const { readConfig } = await import('../config.js');
      const { withDatabase } = await import('./database.js');
      const { issueToken } = await import('../services/issue-token.js');
      const { accessTokenSigner } = await import('../plugins/access-tokens.js');
      const config = readConfig();
      const minutes = options.minutes ?? config.auth.accessTokenMinutes;
      const sign = await accessTokenSigner(config.secrets.jwt);
      console.log(await withDatabase(config, (db) => issueToken(db, sign, options.username, minutes)));
    });
}
