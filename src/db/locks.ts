/**
 * Numbers of the advisory locks, all in one place: of two things that took the same number one would wait for the other,
 * or never be done. Migrations, which do not change, name theirs by themselves.
 */
export const locks = {
  setup: 7_203_118,
  aliases: 7_203_119,
  names: 7_203_120,
  organisations: 7_203_121,
  feedBatches: 7_203_122,
  shields: 7_203_130,
  sealing: 7_203_140,
  /** Of the function `cut_audit_log` (migration keeping). */
  cuttingAuditLog: 7_203_150,
  /** Of the functions that note what is to survive a restore (migrations keeping, journal). */
  protections: 7_203_160,
  relaying: 7_203_170,
  reconciling: 7_203_180,
} as const;
