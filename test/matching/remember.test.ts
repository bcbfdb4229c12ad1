import t from 'tap';
import { remember, rememberPairs } from '../../src/matching/remember.js';

t.test('what was asked for lately is not worked out again, and what was not is forgotten', async (t) => {
  const worked: string[] = [];
  const lengthOf = remember((text) => {
    worked.push(text);
    return text.length;
  }, 10);
  const ask = (text: string) => t.equal(lengthOf(text), text.length);
  ask('first');
  for (let at = 0; at < 50; at++) {
    ask(`${at}`);
    ask('first');
  }
  t.equal(worked.filter((text) => text === 'first').length, 1, 'asked for all the time');
  t.equal(worked.length, 51);
  ask('49');
  t.equal(worked.length, 51, 'the last is known');
  for (let at = 0; at < 40; at++) ask(`${at}`);
  t.equal(worked.length, 91, 'the others are worked out once more');
});

t.test('what two texts give is kept for their order', async (t) => {
  let worked = 0;
  const joined = rememberPairs((a, b) => {
    worked++;
    return `${a}/${b}`;
  });
  for (let round = 0; round < 3; round++) {
    t.equal(joined('a', 'b'), 'a/b');
    t.equal(joined('b', 'a'), 'b/a');
  }
  t.equal(worked, 2);
  for (let at = 0; at < 30_000; at++) joined('a', `${at}`);
  t.equal(joined('a', '7'), 'a/7');
  t.equal(worked, 30_003, 'of thousands the older are forgotten');
});
