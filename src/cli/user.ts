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
  subject?: string;
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
    .requiredOption(
      '--authority <authority>',
      'local authority; one that is new is made, and outside production is live',
    )
    .option('--organisation <name>', 'employer; with --sector')
    .addOption(new Option('--sector <sector>', "the employer's").choices(sectors))
    .option('--name <name>', "the person's name (default: the user name)")
    .option('--background-check <date>', 'when the enhanced background check was made', calendarDay)
    .option('--training <date>', 'when the training was completed', calendarDay)
    .option('--agreement <date>', 'when the acceptable-use agreement was signed', calendarDay)
    .option('--subject <sub>', 'the "sub" of the person at the identity provider (default: the userId)')
    .option(
      '--password-stdin',
      'read the password from standard input; without it the account has none and cannot sign in by password',
    )
    .option('--json', 'one JSON object')
    .action(add);
  user
    .command('approve')
    .description('approve that an account may look past shields, where no second administrator can')
    .requiredOption('--username <username>', 'whose')
    .option('--json', 'one JSON object')
    .action(approve);
  user
    .command('reseal')
    .description('seal every second factor with the present key, after AUTH_TOTP_KEY or AUTH_JWT_SECRET has changed')
    .option('--json', 'one JSON object')
    .action(reseal);
  return user;
}

async function approve(options: { username: string; json?: boolean }): Promise<void> {
  const { readConfig } = await import('../config.js');
  const { withDatabase } = await import('./database.js');
  const { approveOverrideOnServer } = await import('../services/approve-override.js');
  const { userId, username, mayOverrideShields } = await withDatabase(readConfig(), (db) =>
    approveOverrideOnServer(db, options.username),
  );
  console.log(options.json ? JSON.stringify({ userId, mayOverrideShields }) : `${username} may look past shields`);
}

async function reseal(options: { json?: boolean }): Promise<void> {
  const { readConfig } = await import('../config.js');
  const { withDatabase } = await import('./database.js');
  const { resealSecondFactors } = await import('../services/reseal.js');
  const config = readConfig();
  const counts = await withDatabase(config, (db) => resealSecondFactors(db, config.secrets.sealing));
  if (options.json) console.log(JSON.stringify(counts));
  else
    console.log(`${counts.resealed} sealed anew, ${counts.current} were so already, ${counts.lost} cannot be opened`);
  if (counts.lost > 0) {
    console.error(
      'No key here opens those: give the earlier one as AUTH_TOTP_KEY_PREVIOUS, or make new second factors',
    );
    process.exitCode = 1;
  }
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
  const {
    userId,
    totpSecret,
    totpUri,
    recoveryCodes = [],
  } = await withDatabase(config, (db) =>
    createUserOnServer(db, config, {
      username,
      role,
      authority,
      name: options.name ?? username,
      backgroundCheckOn: options.backgroundCheck ?? today,
      trainingCompletedOn: options.training ?? today,
      agreementSignedOn: options.agreement ?? today,
      ...(organisation !== undefined && sector !== undefined ? { organisation: { name: organisation, sector } } : {}),
      ...(options.subject === undefined ? {} : { externalSubject: options.subject }),
      ...(password === undefined ? {} : { password }),
    }),
  );
  if (vouchedFor.length > 0) console.error(`Taken as of today, and vouched for by you: ${vouchedFor.join(', ')}`);
  if (options.json) console.log(JSON.stringify({ userId, totpSecret, totpUri, recoveryCodes }));
  else {
    console.log(`userId      ${userId}\ntotpSecret  ${totpSecret}\ntotpUri     ${totpUri}`);
    console.log(`recovery codes, each good once:\n${recoveryCodes.map((code) => `  ${code}`).join('\n')}`);
  }
}
