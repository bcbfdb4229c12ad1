/**
 * Words that belong to the name after them: Gaelic, Dutch, German, Romance, Arabic, Hebrew and Welsh particles, and Saint.
 * Words that are common first names as well (Ben, Mac as a lone word) only count where something follows.
 */
export const PARTICLES: ReadonlySet<string> = new Set(
  (
    'mc mac mhic mag o ni nic ui fitz ap ' +
    'van von der den ter ten zu zur de da do dos das di del della dello degli du des la le las los el al ' +
    'ul ur ud as ad ar bin binte binti bint ibn ben abu abd abdul abdel abdur st saint san santa sao'
  ).split(' '),
);
