import { text } from 'node:stream/consumers';
import { Command, Option } from 'commander';
import { roles, sectors } from '../db/schema.js';
import { calendarDay } from './arguments.js';

interface AddOptions {
  username: string;
  role: (typeof roles)[number];
  authority: string;
  organisation?: string;
  sector?: (typeof sectors)[number];
  name?: string;
  backgroundCheck?: string;
  training?: string;
  agreement?: string;
  passwordStdin?: boolean;
  json?: boolean;
}

export function userCommand(): Command {
  const user = new Command('user').description('user accounts');
  user
    .command('add')
    .description(
      'make an account, the first administrator among them; a date that is not given is today: you vouch for it',
    )
    .requiredOption('--username <username>', 'lower-case letters, digits and . _ @ -')
    .addOption(new Option('--role <role>', 'what the person may do').choices(roles).makeOptionMandatory())
    .requiredOption('--authority <authority>', 'local authority; one that is new is made')
    .option('--organisation <name>', 'employer; with --sector')
    .addOption(new Option('--sector <sector>', "the employer's").choices(sectors))
    .option('--name <name>', "the person's name (default: the user name)")
    .option('--background-check <date>', 'when the enhanced background check was made', calendarDay)
    .option('--training <date>', 'when the training was completed', calendarDay)
    .option('--agreement <date>', 'when the acceptable-use agreement was signed', calendarDay)
    .option(
      '--password-stdin',
      'read the password from standard input; without it the account has none and cannot sign in by password',
    )
    .option('--json', 'one JSON object')
    .action(add);
  return user;
}

async function add(options: AddOptions): Promise<void> {
  const { readConfig } = await import('../config.js');
  const { UsageError } = await import('../errors.js');
  const { withDatabase } = await import('./database.js');
  const { createUserOnServer } = await import('../services/users.js');
  const { todayInEngland } = await import('../services/child-age.js');
  const { username, role, authority, organisation, sector } = options;
  if ((organisation === undefined) !== (sector === undefined))
    throw new UsageError('--organisation and --sector go together');
  const dates = {
    'background check': options.backgroundCheck,
    training: options.training,
    agreement: options.agreement,
  };
  const vouchedFor = Object.entries(dates).flatMap(([what, date]) => (date === undefined ? [what] : []));
  const today = todayInEngland();
  const config = readConfig();
  const password = options.passwordStdin ? (await text(process.stdin)).replace(/\r?\n$/, '') : undefined;
  const { userId, totpSecret, totpUri } = await withDatabase(config, (db) =>
    createUserOnServer(db, config, {
      username,
      role,
      authority,
      name: options.name ?? username,
      backgroundCheckOn: options.backgroundCheck ?? today,
      trainingCompletedOn: options.training ?? today,
      agreementSignedOn: options.agreement ?? today,
      ...(organisation !== undefined && sector !== undefined ? { organisation: { name: organisation, sector } } : {}),
      ...(password === undefined ? {} : { password }),
    }),
  );
  if (vouchedFor.length > 0) console.error(`Taken as of today, and vouched for by you: ${vouchedFor.join(', ')}`);
  if (options.json) console.log(JSON.stringify({ userId, totpSecret, totpUri }));
  else console.log(`userId      ${userId}\ntotpSecret  ${totpSecret}\ntotpUri     ${totpUri}`);
}
