import { Command } from 'commander';
import { auditCommand } from './audit.js';
import { authorityCommand } from './authority.js';
import { evaluateCommand } from './evaluate.js';
import { runProgram } from './exit.js';
import { generateCommand } from './generate.js';
import { importCommand } from './import.js';
import { indexCommand } from './index.js';
import { migrateCommand } from './migrate.js';
import { restoreCommand } from './restore.js';
import { retentionCommand } from './retention.js';
import { serveCommand } from './serve.js';
import { shieldsCommand } from './shields.js';
import { stackCommand } from './stack.js';
import { tokenCommand } from './token.js';
import { trainCommand } from './train.js';
import { userCommand } from './user.js';
import { workCommand } from './work.js';

const program = new Command('directory')
  .description('the child directory')
  .enablePositionalOptions()
  .addCommand(stackCommand())
  .addCommand(migrateCommand())
  .addCommand(serveCommand())
  .addCommand(workCommand())
  .addCommand(generateCommand())
  .addCommand(importCommand())
  .addCommand(evaluateCommand())
  .addCommand(trainCommand())
  .addCommand(userCommand())
  .addCommand(tokenCommand())
  .addCommand(authorityCommand())
  .addCommand(auditCommand())
  .addCommand(shieldsCommand())
  .addCommand(indexCommand())
  .addCommand(retentionCommand())
  .addCommand(restoreCommand());

throwUsageErrors(program);

await runProgram(() => program.parseAsync());

function throwUsageErrors(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwUsageErrors(child);
}
