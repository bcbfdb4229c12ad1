export * from './address.js';
export { fitCalibration, type JudgedSearch } from './calibrate.js';
export * from './claims.js';
export * from './dates.js';
export { matchesExactly } from './exact.js';
export * from './household.js';
export type { Model, Training } from './model/model.js';
export { weightsV1 as handModel } from './model/weights.v1.js';
export { weightsV2 as defaultModel } from './model/weights.v2.js';
export * from './nicknames.js';
export * from './normalise.js';
export * from './phonetic.js';
export { isPlaceholderName, type PreparedCriteria, prepareCriteria } from './prepare.js';
export {
  compareRanked,
  createScorer,
  MOST_PLAUSIBLE,
  presence,
  type Scorer,
  scoreCandidate,
  weighRivals,
} from './score.js';
export {
  countLevels,
  type LevelCounts,
  reestimate,
  reestimateMiddle,
  TRAINED_TABLES,
  type TrainedTable,
} from './train.js';
export * from './types.js';
export {
  borneOpenly,
  frequenciesOf,
  joinVocabularies,
  type Meant,
  type Vocabulary,
  vocabularyBuilder,
} from './vocabulary.js';
