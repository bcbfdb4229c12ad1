import { Command } from 'commander';
import { auditCommand } from './audit.js';
import { evaluateCommand } from './evaluate.js';
import { runProgram } from './exit.js';
import { generateCommand } from './generate.js';
import { importCommand } from './import.js';
import { addRebuildCommands } from './index-rebuild.js';
import { migrateCommand } from './migrate.js';
import { serveCommand } from './serve.js';
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
  .addCommand(auditCommand())
  .addCommand(addRebuildCommands(new Command('index').description('the search index')));

throwUsageErrors(program);

await runProgram(() => program.parseAsync());

function throwUsageErrors(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwUsageErrors(child);
}
