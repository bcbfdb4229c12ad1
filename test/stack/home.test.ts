import { chmodSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { defaultHome, makeFolder, prepareHome, requireSpace } from '../../stack/home.js';
import { obstacleFor, serviceUser } from '../../stack/user.js';

/** An account that owns nothing here, so that only the permissions of "others" count. */
const stranger = { name: 'nobody', uid: 65534, gid: 65534 };

t.test('the stack lives in the project, unless the account of the services cannot get there', async (t) => {
  const project = '/usr/project';
  const closed = path.join(t.testdir({}), 'closed');
  mkdirSync(path.join(closed, 'project'), { recursive: true });
  chmodSync(closed, 0o700);

  t.equal(
    defaultHome({ DIRECTORY_HOME: '/given/home' }, project, stranger),
    '/given/home',
    'DIRECTORY_HOME comes first',
  );
  t.equal(defaultHome({ DIRECTORY_HOME: '' }, project, stranger), '/usr/project/.directory', 'an empty one is none');
  t.equal(
    defaultHome({}, path.join(closed, 'project'), stranger),
    '/var/lib/child-directory',
    'a closed folder above it',
  );
  t.equal(obstacleFor(stranger, path.join(closed, 'project', 'x')), closed, 'the folder that is closed is named');
  t.equal(obstacleFor(undefined, closed), undefined, 'whoever runs the services as themself needs no way for others');
  t.throws(() => prepareHome(path.join(closed, 'home'), stranger), {
    name: 'StackError',
    message: /run as "nobody", since they refuse root, and .*closed is closed to that account\.\nSet DIRECTORY_HOME/,
  });
});

t.test('only root lends the services another account', async (t) => {
  const folder = t.testdir({
    usual: 'root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n',
    renamed: 'root:x:0:0::/root:/bin/sh\noverflow:x:65534:65534::/:/bin/false\n',
    without: 'root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n',
  });
  t.same(serviceUser(0, path.join(folder, 'usual')), { name: 'nobody', uid: 65534, gid: 65533 });
  t.same(serviceUser(0, path.join(folder, 'renamed')), { name: 'overflow', uid: 65534, gid: 65534 });
  t.equal(serviceUser(1000, path.join(folder, 'usual')), undefined);
  t.throws(() => serviceUser(0, path.join(folder, 'without')), { name: 'StackError', message: /no account "nobody"/ });
});

t.test('a home is made passable whatever the umask, and a bad one is refused in words', async (t) => {
  const folder = t.testdir({ file: 'not a folder' });
  const before = process.umask(0o077);
  t.teardown(() => process.umask(before));
  const home = prepareHome(path.join(folder, 'deep', 'home'), undefined);
  t.equal(statSync(home).mode & 0o777, 0o755);
  t.equal(statSync(path.dirname(home)).mode & 0o777, 0o755);
  makeFolder(path.join(home, 'own'), { user: undefined });
  t.equal(statSync(path.join(home, 'own')).mode & 0o777, 0o700, "a service's folder is its own alone");

  t.throws(() => prepareHome(path.join(folder, 'file', 'home'), undefined), {
    name: 'StackError',
    message: /can't be made or written \(ENOTDIR\)\.\nSet DIRECTORY_HOME to a folder of your own/,
  });
  await t.rejects(requireSpace(home, 2 ** 40, 'the stack'), {
    name: 'StackError',
    message: /has \d+ MB free; the stack takes \d+ MB\.\nFree some space, or set DIRECTORY_HOME/,
  });
  await requireSpace(home, 0, 'the stack');
});
