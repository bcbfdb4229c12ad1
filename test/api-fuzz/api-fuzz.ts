import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import pg from 'pg';
import { type BenchDirectory, openBenchDirectory } from '../../bench/bench-directory.js';
import { wholeNumber } from '../../src/cli/arguments.js';
import { runProgram } from '../../src/cli/exit.js';
import { projectRoot, readConfig } from '../../src/config.js';
import { type Role, roles } from '../../src/db/schema.js';
import { CommandError } from '../../src/errors.js';
import { type Desk, openDesk, person } from './desk.js';

/** `npm run test:api-fuzz -- --help`; docs/api-fuzz.md */
interface Flags {
  examples: number;
  children: number;
  seed: number;
  roles: Role[];
}

interface Child {
  childId: string;
  number: string;
  givenNames: string;
  familyName: string;
  dateOfBirth: string;
}

interface Operation {
  label: string;
  roles: readonly string[] | 'public';
}

/** How often each operation was answered with what: by status, and code where it is a problem. */
type Answers = Record<string, Record<string, number>>;

const folder = path.join(projectRoot, 'test/api-fuzz');
/** Whose run asks what needs no sign-in: that of the role with the least else to ask. */
const PUBLIC_BY: Role = 'data-team';
const CHILDREN = 40;
const SHIELDED = 5;

const command = new Command('api-fuzz')
  .description('schemathesis over the whole API, with all its checks, as each role')
  .option('--examples <n>', 'generated for each operation, beside boundary values', wholeNumber(1, 100_000), 10)
  .option('--children <n>', 'generated', wholeNumber(200, 20_000), 1000)
  .option('--seed <s>', 'of children and requests', wholeNumber(0, 2 ** 32 - 1), 1)
  .option('--roles <list>', 'whose runs', (list: string) => roles.filter((role) => list.split(',').includes(role)), [
    ...roles,
  ])
  .exitOverride()
  .action(fuzz);

await runProgram(() => command.parseAsync());

async function fuzz(flags: Flags): Promise<void> {
  const say = (line: string) => process.stderr.write(`api-fuzz: ${line}\n`);
  const schemathesis = await install(say);
  const directory = await openBenchDirectory({ children: flags.children, seed: flags.seed, say });
  let desk: Desk | undefined;
  try {
    const { authority, children, others } = await chooseChildren(directory);
    desk = await openDesk(directory, authority.own);
    const shielded = await shield(directory, desk, authority.other, others);
    const operations = await readOperations(directory.url);
    const facts = {
      api: directory.url,
      desk: desk.url,
      authority: authority.own,
      person,
      children,
      shielded,
    };
    const all: Answers = {};
    const failed: string[] = [];
    for (const role of flags.roles) {
      const asked = operations.filter((one) =>
        one.roles === 'public' ? role === PUBLIC_BY : one.roles.includes(role),
      );
      say(`${role}: ${asked.length} operations`);
      const { code, answers } = await run(schemathesis, directory, { ...facts, role }, asked, flags);
      if (code !== 0) failed.push(`${role}: schemathesis ended with ${code}`);
      for (const { label } of asked) if (!answers[label]) failed.push(`${role}: ${label} was not asked`);
      report(role, asked, answers);
      for (const [label, counts] of Object.entries(answers))
        for (const [answer, count] of Object.entries(counts)) {
          all[label] ??= {};
          all[label][answer] = (all[label][answer] ?? 0) + count;
        }
    }
    const wanted = operations.filter(
      (one) => one.roles === 'public' || flags.roles.some((role) => one.roles.includes(role)),
    );
    for (const { label } of wanted)
      if (all[label] && successes(all[label]) === 0)
        failed.push(`${label} never succeeded: nothing of its answer was looked at`);
    report('all', operations, all);
    if (failed.length > 0) throw new CommandError(`The API failed:\n  ${failed.join('\n  ')}`);
  } finally {
    await desk?.close();
    await directory.close();
  }
}

/** The pinned packages in an environment of their own, made once for each set of pins. @returns the command */
async function install(say: (line: string) => void): Promise<string> {
  const pins = path.join(folder, 'requirements.txt');
  const environment = path.join(readConfig().home, 'api-fuzz');
  const installed = path.join(environment, 'installed.txt');
  const wanted = readFileSync(pins, 'utf8');
  if (!existsSync(installed) || readFileSync(installed, 'utf8') !== wanted) {
    say('installing schemathesis');
    await succeed('python3', ['-m', 'venv', '--clear', environment]);
    await succeed(path.join(environment, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', '-r', pins]);
    writeFileSync(installed, wanted);
  }
  return path.join(environment, 'bin/schemathesis');
}

async function succeed(program: string, args: string[]): Promise<void> {
  const code = await spawned(program, args);
  if (code !== 0)
    throw new CommandError(`${path.basename(program)} ended with ${code}. Python 3.10 or newer is needed`);
}

/** What it says goes to standard error. @returns the exit code; null for a signal */
async function spawned(
  program: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<number | null> {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 2, 2] });
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

/** Some of the authority that has most, and some of the next. */
async function chooseChildren({ urls }: BenchDirectory) {
  const client = new pg.Client({ connectionString: urls.databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ authority: string }>(
      'select authority from children group by authority order by count(*) desc, authority limit 2',
    );
    const [own, other] = rows.map((row) => row.authority);
    if (own === undefined || other === undefined) throw new CommandError('Two authorities are needed');
    const of = async (authority: string, most: number) =>
      (
        await client.query<Child>(
          `select c.id as "childId", c.number, n.given_names as "givenNames", n.family_name as "familyName",
             c.date_of_birth::text as "dateOfBirth"
           from children c join child_names n on n.child_id = c.id and n.kind = 'current'
           where c.authority = $1 order by c.id limit $2`,
          [authority, most],
        )
      ).rows;
    return { authority: { own, other }, children: await of(own, CHILDREN), others: await of(other, SHIELDED) };
  } finally {
    await client.end();
  }
}

/** By the management team of their own authority. @returns those who are shielded */
async function shield({ url }: BenchDirectory, desk: Desk, authority: string, children: Child[]): Promise<Child[]> {
  const { token } = await desk.account('management-team', { authority });
  const headers = { authorization: `Bearer ${token}`, 'x-access-reason': 'safeguarding' };
  for (const { childId } of children) {
    const record = await fetch(`${url}/v1/children/${childId}`, { headers });
    const answer = await fetch(`${url}/v1/children/${childId}/shield`, {
      method: 'PUT',
      headers: { ...headers, 'content-type': 'application/json', 'if-match': record.headers.get('etag') ?? '' },
      body: JSON.stringify({ reason: 'refuge' }),
    });
    if (!answer.ok) throw new CommandError(`A child could not be shielded: ${answer.status}`);
  }
  return children;
}

async function readOperations(url: string): Promise<Operation[]> {
  interface Described {
    security?: { bearer?: string[] }[];
  }
  const { paths } = (await (await fetch(`${url}/docs/json`)).json()) as {
    paths: Record<string, Record<string, Described>>;
  };
  return Object.entries(paths).flatMap(([pattern, methods]) =>
    Object.entries(methods).map(([method, { security }]) => ({
      label: `${method.toUpperCase()} ${pattern}`,
      roles: security?.[0]?.bearer ?? ('public' as const),
    })),
  );
}

async function run(
  schemathesis: string,
  { url, folder: temporary }: BenchDirectory,
  facts: { role: Role },
  asked: Operation[],
  { examples, seed }: Flags,
): Promise<{ code: number | null; answers: Answers }> {
  const work = path.join(temporary, facts.role);
  mkdirSync(work);
  const files = { facts: path.join(work, 'facts.json'), answers: path.join(work, 'answers.json') };
  writeFileSync(files.facts, JSON.stringify(facts));
  const args = [
    '--config-file',
    path.join(folder, 'schemathesis.toml'),
    'run',
    `${url}/docs/json`,
    ...['--checks', 'all', '--max-examples', String(examples), '--seed', String(seed), '--workers', '1'],
    ...['--generation-database', 'none', '--continue-on-failure', '--no-color'],
    ...asked.flatMap(({ label }) => ['--include-name', label]),
  ];
  const env = {
    ...process.env,
    SCHEMATHESIS_HOOKS: path.join(folder, 'hooks.py'),
    PYTHONDONTWRITEBYTECODE: '1',
    API_FUZZ_FACTS: files.facts,
    API_FUZZ_ANSWERS: files.answers,
  };
  // It remembers failures where it runs, with what was sent.
  const code = await spawned(schemathesis, args, { cwd: work, env });
  const answers = existsSync(files.answers) ? JSON.parse(readFileSync(files.answers, 'utf8')) : {};
  return { code, answers };
}

function successes(counts: Record<string, number>): number {
  return sum(Object.entries(counts).flatMap(([answer, count]) => (answer.startsWith('2') ? [count] : [])));
}

function sum(counts: number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function report(title: string, operations: Operation[], answers: Answers): void {
  const lines = operations.flatMap(({ label }) => {
    const counts = answers[label];
    if (!counts) return [];
    const refused = Object.entries(counts).filter(([answer]) => !answer.startsWith('2'));
    const words = refused.sort(([, a], [, b]) => b - a).map(([answer, count]) => `${answer} ${count}`);
    return [
      `  ${label}: ${sum(Object.values(counts))}, 2xx ${successes(counts)}${words.length ? `; ${words.join(', ')}` : ''}`,
    ];
  });
  const total = sum(Object.values(answers).flatMap((counts) => Object.values(counts)));
  const accepted = sum(Object.values(answers).map(successes));
  console.log(`${title}: ${lines.length} operations, ${total} requests, 2xx ${accepted}\n${lines.join('\n')}`);
}
