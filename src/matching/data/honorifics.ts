/** Titles, and words written where a first name isn't known: they say nothing about who somebody is. */
export const HONORIFICS: ReadonlySet<string> = new Set(
  (
    'mr mrs ms miss mstr master mx dr doctor sir dame lady lord rev revd reverend fr father sister brother prof professor ' +
    'baby babyboy babygirl newborn infant boy girl child male female twin triplet one two i ii iii first second third 1st 2nd 3rd 4th 5th ' +
    'unknown unk nk na notknown not known none nil null anon anonymous tbc test withheld refused ' +
    'junior jnr jr senior snr sr esq hon honourable right captain major general colonel admiral sergeant lieutenant ' +
    'count countess duke duchess earl baron baroness viscount viscountess marquess prince princess ' +
    'venerable bishop archbishop canon deacon rabbi imam sheikh haji hajji alhaji mufti maulana'
  ).split(' '),
);
