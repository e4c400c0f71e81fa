// Mutation testing: CONTRIBUTING.md says how it is run, and test/mutation what belongs to it.
export default {
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'test/mutation/vitest.config.ts' },
  mutate: [
    'src/hub/{feed,subscription,tail,turn-log}.ts',
    'src/session/*.ts',
    'src/publish/publisher.ts',
    'src/drain/{core,cluster-health}.ts',
    'src/admission/{gate,bucket,queue}.ts',
    'src/protocol/cursor.ts',
    'src/client/{connection-manager,machine}.ts',
  ],
  // The copy of the tree is left without it: Stryker rewrites it by TypeScript's JavaScript API, which TypeScript 7 does not have.
  tsconfigFile: 'none',
  ignorePatterns: ['bench', 'deploy', 'dist', 'docs', 'examples', 'reports'],
  tempDirName: '.tmp/stryker',
  concurrency: 1,
  // Generous: what takes long on a busy machine is not noticed by that. An endless loop is found by its rounds.
  timeoutFactor: 2,
  // What one file's run has found is kept for the next run.
  incremental: true,
  incrementalFile: 'reports/mutation/results.json',
  reporters: ['clear-text'],
  clearTextReporter: { allowColor: false, reportTests: false },
}
