import { compareGender } from './compare-gender.js';
import { type Evidence, single } from './evidence.js';
import type { Model } from './model/model.js';
import type { Gender } from './types.js';

/** Weak evidence, and next to none beside a given name that agrees. */
export function weighGender(stated: Gender, recorded: Gender, nameAgrees: boolean, { gender }: Model): Evidence {
  const level = compareGender(stated, recorded, nameAgrees);
  if (level === undefined) return single('gender', 'not-held', 'missing', 1);
  const { m, u } = gender[level];
  return single('gender', level, stated === recorded ? 'exact' : 'disagrees', m / u);
}
