/** The rooms of the house, and which doors stay shut. @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'matching-is-pure',
      comment: 'src/matching compares values: it opens no file, socket, database or clock.',
      severity: 'error',
      from: { path: '^src/matching' },
      to: {
        pathNot: ['^src/matching', '^node_modules/(double-metaphone|talisman|any-ascii|postcode|fastest-levenshtein)'],
      },
    },
    {
      name: 'routes-go-through-services',
      comment: 'A route is a schema, an access check and one service call.',
      severity: 'error',
      from: { path: '^src/routes' },
      to: { path: '^src/db', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'db-knows-no-services',
      severity: 'error',
      from: { path: '^src/db' },
      to: { path: '^src/(services|routes|plugins|search)' },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, pathNot: ['[.]d[.]ts$', '^bench/'] }, to: {} },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
