import type { Migration } from 'kysely';
import * as people from './20261124T0900Z-people.js';
import * as children from './20261124T0910Z-children.js';
import * as audit from './20261124T0920Z-audit.js';
import * as indexing from './20261124T0930Z-indexing.js';
import * as workerRights from './20261125T1100Z-worker-rights.js';
import * as auditChain from './20261125T1510Z-audit-chain.js';
import * as sensitiveServices from './20261125T1520Z-sensitive-services.js';
import * as shielding from './20261125T1530Z-shielding.js';
import * as verification from './20261125T1600Z-verification.js';
import * as signIn from './20261125T1610Z-people.js';
import * as keeping from './20261125T1620Z-keeping.js';
import * as indexMerging from './20261125T1640Z-index-merging.js';
import * as indexHealth from './20261125T1650Z-index-health.js';
import * as rebuilds from './20261125T1655Z-rebuilds.js';
import * as forgetting from './20261125T1945Z-forgetting.js';
import * as approvals from './20261126T0300Z-approvals.js';
import * as journal from './20261126T0310Z-journal.js';
import * as credentials from './20261126T0345Z-credentials.js';
import * as shieldsByChild from './20261126T0700Z-shields-by-child.js';
import * as accountSetters from './20261126T0720Z-account-setters.js';
import * as deadLetterOpened from './20261127T0620Z-dead-letter-opened.js';

/** Every migration in order, named as in its file: listed, not globbed, so that the built program has them too. */
export const migrations: Record<string, Migration> = {
  '20261124T0900Z-people': people,
  '20261124T0910Z-children': children,
  '20261124T0920Z-audit': audit,
  '20261124T0930Z-indexing': indexing,
  '20261125T1100Z-worker-rights': workerRights,
  '20261125T1510Z-audit-chain': auditChain,
  '20261125T1520Z-sensitive-services': sensitiveServices,
  '20261125T1530Z-shielding': shielding,
  '20261125T1600Z-verification': verification,
  '20261125T1610Z-people': signIn,
  '20261125T1620Z-keeping': keeping,
  '20261125T1640Z-index-merging': indexMerging,
  '20261125T1650Z-index-health': indexHealth,
  '20261125T1655Z-rebuilds': rebuilds,
  '20261125T1945Z-forgetting': forgetting,
  '20261126T0300Z-approvals': approvals,
  '20261126T0310Z-journal': journal,
  '20261126T0345Z-credentials': credentials,
  '20261126T0700Z-shields-by-child': shieldsByChild,
  '20261126T0720Z-account-setters': accountSetters,
  '20261127T0620Z-dead-letter-opened': deadLetterOpened,
};
