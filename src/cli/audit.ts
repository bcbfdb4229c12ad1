import { Command } from 'commander';

export function auditCommand(): Command {
  const audit = new Command('audit').description('the audit log');
  audit
    .command('verify')
    .description(
      'walk the whole hash chain and name the first audit row that was edited, removed, inserted or reordered',
    )
    .option('--heads <file>', 'exported heads to compare with (default: AUDIT_HEADS_FILE)')
    .option('--json', 'one JSON object')
    .action(verify);
  audit
    .command('public-key')
    .description(
      'print the public key of AUDIT_HEADS_KEY: whoever verifies needs that alone, as AUDIT_HEADS_PUBLIC_KEY',
    )
    .action(printPublicKey);
  return audit;
}

async function printPublicKey(): Promise<void> {
  const { readConfig } = await import('../config.js');
  const { UsageError } = await import('../errors.js');
  const { headsPublicKey } = await import('../services/audit/head-signature.js');
  const publicKey = headsPublicKey(readConfig());
  if (publicKey === '') throw new UsageError('AUDIT_HEADS_KEY is missing: it takes at least 32 characters');
  console.log(publicKey);
}

async function verify(options: { heads?: string; json?: boolean }): Promise<void> {
  const { existsSync } = await import('node:fs');
  const { readConfig } = await import('../config.js');
  const { UsageError } = await import('../errors.js');
  const { withDatabase } = await import('./database.js');
  const { recordSystemAudit } = await import('../db/audit.js');
  const { headsPublicKey } = await import('../services/audit/head-signature.js');
  const { readHeads } = await import('../services/audit/heads-file.js');
  const { verifyChain } = await import('../services/audit/verify.js');
  const { describeBroken } = await import('../services/audit/describe.js');
  const config = readConfig();
  const file = options.heads ?? config.audit.headsFile;
  const there = existsSync(file);
  if (options.heads !== undefined && !there) throw new UsageError(`There is no file of heads at ${options.heads}`);
  if (!there)
    console.error('No exported heads to compare with: a chain that was rewritten as a whole would not be found');
  const verification = await withDatabase(
    config,
    (db) => verifyChain(db, { publicKey: headsPublicKey(config), heads: there ? readHeads(file) : undefined }),
    'directory_auditor',
  );
  const { ok, checked, seals, headsCompared, waiting, firstBroken } = verification;
  await withDatabase(config, (db) => recordSystemAudit(db, { action: 'verify-audit', details: { ok, checked } }));
  if (options.json) console.log(JSON.stringify(verification));
  else {
    console.log(
      `${ok ? 'whole' : 'BROKEN'}: ${checked} rows in ${seals} seals, ${headsCompared} compared with exported heads`,
    );
    if (waiting > 0) console.log(`${waiting} written lately and not sealed yet`);
    if (firstBroken) console.log(describeBroken(firstBroken));
  }
  if (!ok) process.exitCode = 1;
}
