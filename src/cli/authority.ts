import { Command } from 'commander';
import type { AuthorityView } from '../schemas/authorities.js';

export function authorityCommand(): Command {
  const authority = new Command('authority').description('the roll-out, authority by authority');
  authority
    .command('list')
    .description('who is live, and how many of the others are ready')
    .option('--json', 'one JSON object')
    .action(list);
  authority
    .command('add')
    .description('put an authority into the roll-out: its people train, and sign in when it is live')
    .argument('<code>', 'as children and accounts name it')
    .option('--name <name>', 'its name (default: the code)')
    .option('--json', 'one JSON object')
    .action(add);
  authority
    .command('go-live')
    .description('let the people of an authority sign in, once somebody of its management team is ready')
    .argument('<code>', 'which')
    .option('--json', 'one JSON object')
    .action(goLive);
  return authority;
}

async function list(options: { json?: boolean }): Promise<void> {
  const { findAuthorities } = await import('../db/organisations.js');
  const { viewOf } = await import('../services/authorities.js');
  const authorities = (await withDirectory((db) => findAuthorities(db))).map(viewOf);
  if (options.json) console.log(JSON.stringify({ authorities }));
  else for (const one of authorities) console.log(describe(one));
}

async function add(code: string, { name, json }: { name?: string; json?: boolean }): Promise<void> {
  const { addAuthorityOnServer } = await import('../services/authorities.js');
  print(await withDirectory((db) => addAuthorityOnServer(db, { code, ...(name === undefined ? {} : { name }) })), json);
}

async function goLive(code: string, { json }: { json?: boolean }): Promise<void> {
  const { goLiveOnServer } = await import('../services/authorities.js');
  print(await withDirectory((db) => goLiveOnServer(db, code)), json);
}

async function withDirectory<T>(use: Parameters<typeof import('./database.js').withDatabase<T>>[1]): Promise<T> {
  const { readConfig } = await import('../config.js');
  const { withDatabase } = await import('./database.js');
  return withDatabase(readConfig(), use);
}

function print(authority: AuthorityView, json = false): void {
  console.log(json ? JSON.stringify(authority) : describe(authority));
}

function describe({ code, liveAt, trainingSince, users, ready, checked, trained, agreed }: AuthorityView): string {
  const state = liveAt
    ? `live since ${liveAt}`
    : trainingSince
      ? `trains since ${trainingSince}`
      : 'not in the roll-out';
  return `${code}: ${state}; ${ready} of ${users} ready (check ${checked}, training ${trained}, agreement ${agreed})`;
}
