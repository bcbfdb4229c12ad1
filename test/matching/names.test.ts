import t from 'tap';
import { compareParts } from '../../src/matching/compare-names.js';
import { compareTokens } from '../../src/matching/compare-tokens.js';
import {
  consonantSkeleton,
  groupMembers,
  nameForms,
  nameTokens,
  nicknameGroups,
  parseName,
  phoneticKeys,
} from '../../src/matching/index.js';
import { editDistance, jaroWinkler } from '../../src/matching/strings.js';

t.test('names lose case, accents, punctuation and script, not letters', async (t) => {
  const cases: [string, string[]][] = [
    ['  John   SMITH ', ['john', 'smith']],
    ['Łukasz', ['lukasz']],
    ['Zoë-Mae', ['zoe', 'mae']],
    ['Þórður Strauß', ['thordur', 'strauss']],
    ['محمد', ['mhmd']],
    ['李小明', ['lixiaoming']],
    ['Юлия', ['yuliya']],
    ['\u202eamina\u202c', ['amina']],
    ['J0hn', ['j0hn']],
    ['(1805-1876)', []],
    ['😀 Emoji 👶🏽', ['emoji']],
    ['', []],
    ['***', []],
  ];
  for (const [text, tokens] of cases) t.same(nameTokens(text), tokens, JSON.stringify(text));
});

t.test('particles belong to the name after them, however they are spaced', async (t) => {
  const spellings: string[][] = [
    ["O'Brien", 'O’Brien', 'O Brien', 'OBrien', "o' brien"],
    ['McDonald', 'Mc Donald', 'MCDONALD', 'mc-donald'],
    ['van der Berg', 'Vander Berg', 'VanDerBerg', 'van-der-berg'],
    ['al-Hassan', 'Al Hassan', 'AlHassan'],
    ['Abd al-Rahman', 'Abdal Rahman', 'abdalrahman'],
    ['St. John', 'Saint John', 'St John'],
    ["D'Souza", 'D’ Souza', 'DSouza'],
    ['Ó Súilleabháin', 'o suilleabhain', 'OSuilleabhain'],
  ];
  for (const same of spellings) {
    const joined = same.map((name) => parseName(name).joined);
    t.equal(new Set(joined).size, 1, `${same[0]}: ${joined.join(' ')}`);
  }
  t.same(nameTokens('Mac'), ['mac'], 'a particle alone is a name');
  t.same(nameTokens('Lena de'), ['lena', 'de'], 'so is one at the end');
});

t.test('forms hold the parts, the parts without particles, and the parts joined', async (t) => {
  t.same(nameForms('Smith-Jones'), ['smith', 'jones', 'smithjones']);
  t.same(nameForms('van der Berg'), ['vanderberg', 'berg']);
  t.same(nameForms('Ann Mary Sue'), ['ann', 'mary', 'sue', 'annmary', 'marysue', 'annmarysue']);
  t.same(nameForms(''), []);
  t.ok(nameForms('a '.repeat(500)).length < 30, 'thirty-five single letters make no flood');
});

t.test('short forms and spellings meet in a shared group, both ways', async (t) => {
  const pairs = [
    'bill william',
    'peggy margaret',
    'mo mohammed',
    'mo muhammad',
    'mohamud muhammed',
    'siobhan shivaun',
    'niamh neve',
    'sean shaun',
    'caoimhe keeva',
    'lukasz lucas',
    'kasia katarzyna',
    'ola aleksandra',
    'kuba jakub',
    'yusuf yousef',
    'yusuf joseph',
    'zaynab zeinab',
    'khadija kadijah',
    'abdirahman abdurrahman',
    'seun oluwaseun',
    'emeka chukwuemeka',
    'preet gurpreet',
    'dai dafydd',
    'tim tadhg',
    'mhmd mohammed',
  ];
  for (const pair of pairs) {
    const [a, b] = pair.split(' ') as [string, string];
    const shared = nicknameGroups(a).filter((group) => nicknameGroups(b).includes(group));
    t.ok(shared.length > 0, pair);
    t.ok(['spelling', 'nickname'].includes(compareTokens(a, b, 'given')), `${pair} compares`);
    t.equal(compareTokens(a, b, 'given'), compareTokens(b, a, 'given'), `${pair} the other way`);
  }
});

t.test('family names have spellings, by table and by rule', async (t) => {
  const pairs = [
    'chaudhry chowdhury',
    'macdonald mcdonald',
    'kowalski kowalska',
    'ivanov ivanova',
    'wong huang',
    'osullivan osuilleabhain',
    'hussain hussein',
  ];
  for (const pair of pairs) {
    const [a, b] = pair.split(' ') as [string, string];
    t.equal(compareTokens(a, b, 'family'), 'spelling', pair);
    t.equal(compareTokens(b, a, 'family'), 'spelling', pair);
  }
  t.equal(compareTokens('bill', 'william', 'family'), 'different', 'short forms are given names');
});

t.test('likeness does not chain from group to group', async (t) => {
  t.equal(compareTokens('alexander', 'albert', 'given'), 'different', 'though both are called Al');
  t.equal(compareTokens('edward', 'theodore', 'given'), 'different', 'though both are called Ted');
  const largest = Math.max(
    ...['mary', 'john', 'chris', 'al', 'mo'].flatMap(nicknameGroups).map((id) => groupMembers(id).length),
  );
  t.ok(largest < 60, `the largest group has ${largest} names`);
});

t.test('sound codes of both kinds live in one field', async (t) => {
  t.ok(phoneticKeys('catherine').some((key) => phoneticKeys('kathryn').includes(key)));
  t.ok(phoneticKeys('wojciech').every((key) => /^[ms]:./.test(key)));
  t.equal(consonantSkeleton('chaudhry'), consonantSkeleton('chowdhury'));
  t.equal(consonantSkeleton('khadija'), consonantSkeleton('kadeejah'));
  t.equal(consonantSkeleton('mohammed'), consonantSkeleton('mhmd'));
  t.equal(consonantSkeleton('phillips'), consonantSkeleton('filips'));
  t.same(phoneticKeys(''), []);
});

t.test('tokens compare at the level that the truth table says', async (t) => {
  const table: [string, string, 'given' | 'family', string][] = [
    ['john', 'john', 'given', 'exact'],
    ['muhammad', 'mohammed', 'given', 'spelling'],
    ['bill', 'william', 'given', 'nickname'],
    ['fred', 'rick', 'given', 'shared-nickname'],
    ['caitlni', 'caitlin', 'given', 'slip'],
    ['matthhew', 'matthew', 'given', 'slip'],
    ['hrnry', 'henry', 'given', 'slip'],
    ['j0hn', 'john', 'given', 'slip'],
    ['elisep', 'elise', 'given', 'typo'],
    ['mt', 'ma', 'family', 'typo'],
    ['ja', 'mo', 'given', 'different'],
    ['bo', 'jo', 'given', 'different'],
    ['stephensen', 'stevenson', 'family', 'spelling'],
    ['wallis', 'wallace', 'family', 'phonetic'],
    ['bansmrer', 'bansemer', 'family', 'phonetic'],
    ['kutwidgx', 'lutwidge', 'family', 'two-typos'],
    ['chris', 'christabella', 'given', 'abbreviated'],
    ['j', 'john', 'given', 'initial'],
    ['john', 'j', 'given', 'initial'],
    ['k', 'john', 'given', 'different'],
    ['christopehrsn', 'christopherson', 'family', 'two-typos'],
    ['kristoferson', 'christopherson', 'family', 'phonetic'],
    ['hatherleigj', 'catherleigh', 'family', 'two-typos'],
    ['wolstenholme', 'woolstenhulmes', 'family', 'close'],
    ['jean', 'john', 'given', 'different'],
    ['smith', 'jones', 'family', 'different'],
    ['acheson', 'jackson', 'family', 'different'],
  ];
  for (const [typed, recorded, role, level] of table) {
    t.equal(compareTokens(typed, recorded, role), level, `${role} ${typed} / ${recorded}`);
  }
});

t.test('whole names compare at the level that the truth table says', async (t) => {
  const table: [string, string, 'given' | 'family', string, string?][] = [
    ['Jac Ob', 'Jacob', 'given', 'exact'],
    ['Mary Ann', 'Maryann', 'given', 'exact'],
    ['John', 'John Paul', 'given', 'exact', 'omitted'],
    ['John Paul', 'John', 'given', 'exact', 'added'],
    ['John Paul', 'John Paul', 'given', 'exact', 'same'],
    ['John P', 'John Paul', 'given', 'exact', 'alike'],
    ['John Mark', 'John Paul', 'given', 'exact', 'different'],
    ['Paul', 'John Paul', 'given', 'part'],
    ['Paul John', 'John Paul', 'given', 'reordered'],
    ['Smith Jones', 'Smith-Jones', 'family', 'exact'],
    ['Jones-Smith', 'Smith-Jones', 'family', 'reordered'],
    ['Parry', 'Gambier-Parry', 'family', 'part'],
    ['Gambier-Parry', 'Parry', 'family', 'part'],
    ['Pary', 'Gambier-Parry', 'family', 'part-alike'],
    ['Berg', 'van der Berg', 'family', 'particle'],
    ['Hassan', 'al-Hassan', 'family', 'particle'],
    ['Till Er', 'Tiller', 'family', 'exact'],
    ['Gre N', 'Green', 'family', 'slip'],
    ['Smith', 'Gambier-Parry', 'family', 'different'],
  ];
  for (const [typed, recorded, role, level, middle = 'none'] of table) {
    const comparison = compareParts(parseName(typed), parseName(recorded), role);
    t.equal(comparison.level, level, `${role} ${typed} / ${recorded}`);
    if (comparison.level === 'exact') t.equal(comparison.middle, middle, `middle names of ${typed} / ${recorded}`);
  }
});

t.test('edit distance counts a swap of neighbours once and gives up past its limit', async (t) => {
  t.equal(editDistance('caitlni', 'caitlin', 2), 1);
  t.equal(editDistance('abc', 'abc', 0), 0);
  t.equal(editDistance('', 'abc', 3), 3);
  t.equal(editDistance('kitten', 'sitting', 3), 3);
  t.equal(editDistance('kitten', 'sitting', 2), 3, 'more than two');
  t.equal(editDistance('a'.repeat(500), 'b'.repeat(500), 2), 3);
  const random = pseudoRandom(11);
  for (let round = 0; round < 3000; round++) {
    const [a, b] = [word(random), word(random)];
    const distance = editDistance(a, b, 3);
    if (distance !== Math.min(4, slowDistance(a, b))) t.fail(`${a} ${b} is at ${distance}`);
    if (editDistance(b, a, 3) !== distance) t.fail(`${a} ${b} is not symmetric`);
    if (jaroWinkler(a, b) !== jaroWinkler(b, a)) t.fail(`${a} ${b} is not symmetric`);
  }
});

t.test('token levels are symmetric, but that only what was typed abbreviates', async (t) => {
  const random = pseudoRandom(5);
  for (let round = 0; round < 3000; round++) {
    const [a, b] = [word(random), word(random)];
    const levels = [compareTokens(a, b, 'given'), compareTokens(b, a, 'given')];
    if (levels.includes('abbreviated')) continue;
    if (levels[0] !== levels[1]) t.fail(`${a} ${b}: ${levels}`);
  }
  t.pass('3,000 pairs');
});

/** Numerical Recipes' generator: the same words in every run. */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

function word(random: () => number): string {
  return Array.from({ length: 2 + Math.floor(random() * 6) }, () => 'abcde'[Math.floor(random() * 5)]).join('');
}

/** The textbook table, whole. */
function slowDistance(a: string, b: string): number {
  const d = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const row = d[i] as number[];
      const above = d[i - 1] as number[];
      row[j] = Math.min(
        (above[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j] as number, ((d[i - 2] as number[])[j - 2] as number) + 1);
      }
    }
  }
  return (d[a.length] as number[])[b.length] as number;
}
