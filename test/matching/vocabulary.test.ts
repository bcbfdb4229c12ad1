import t from 'tap';
import { createRandom } from '../../src/generator/random.js';
import { joinVocabularies, vocabularyBuilder } from '../../src/matching/index.js';
import { createNameTrie } from '../../src/matching/name-trie.js';
import { editDistance } from '../../src/matching/strings.js';

t.test('a trie finds exactly the names within so many edits', async (t) => {
  const draw = createRandom(20_261_125);
  const random = (below: number) => Math.floor(draw() * below);
  const word = () => Array.from({ length: 1 + random(7) }, () => 'abcd'[random(4)]).join('');
  const names = [...new Set(Array.from({ length: 600 }, word))].sort();
  const trie = createNameTrie(names);
  t.equal(trie.size, names.length);
  for (let trial = 0; trial < 300; trial++) {
    const typed = word();
    for (const most of [1, 2] as const) {
      const expected = names.filter((name) => editDistance(typed, name, most) <= most);
      t.strictSame(trie.within(typed, most), expected, `${typed}, ${most}`);
    }
  }
  t.strictSame(createNameTrie([]).within('abc', 2), []);
  t.strictSame(createNameTrie(['abc']).within('', 2), [], 'nothing is meant by nothing');
  t.strictSame(trie.within('a'.repeat(60), 2), [], 'longer than any name');
});

t.test('a vocabulary tells what a typed name may stand for', async (t) => {
  const builder = vocabularyBuilder('given');
  const counts = {
    john: 900,
    jon: 200,
    joan: 300,
    william: 800,
    billy: 30,
    muhammad: 2_000,
    mohammed: 1_500,
    siobhan: 9,
    zebedee: 1,
    j: 3,
  };
  for (const [name, children] of Object.entries(counts)) builder.add(name, children);
  const vocabulary = builder.build();
  const meant = (typed: string) => vocabulary.meantBy(typed).map(({ name, level }) => `${name} ${level}`);
  t.equal(vocabulary.size, 10);
  t.equal(vocabulary.childrenOf('john'), 900);
  t.equal(vocabulary.childrenOf('jane'), undefined);
  t.ok(meant('bill').includes('william nickname'), 'a nickname');
  t.ok(meant('mohamed').includes('muhammad spelling'), 'another spelling');
  t.ok(
    meant('shivaun').some((name) => name.startsWith('siobhan')),
    'one written by ear',
  );
  t.ok(meant('jhon').includes('john slip'), 'a slip');
  t.ok(meant('john').includes('j initial'), 'an initial on record');
  t.notOk(
    meant('john').some((name) => name.startsWith('john')),
    'not itself',
  );
  t.notOk(
    meant('zebedee').some((name) => name.startsWith('william')),
    'nobody whose name is different',
  );
  t.strictSame(vocabulary.meantBy(''), []);
  t.strictSame(vocabulary.near('jon').sort(), ['joan', 'john'], 'names at one edit');

  const later = vocabularyBuilder('given');
  later.add('johan', 0);
  later.add('john', 0);
  const joined = joinVocabularies(vocabulary, later.build());
  t.equal(joined.childrenOf('john'), 900, 'what was counted stands');
  t.equal(joined.childrenOf('johan'), 0);
  t.ok(
    joined.meantBy('johann').some(({ name }) => name === 'johan'),
    'a new name is found misspelt',
  );
  t.equal(joined.meantBy('jhon').filter(({ name }) => name === 'john').length, 1, 'and none twice');
});
