/** The frameworks that the guides name, as they are published. They are fetched when they are asked for, so they are no part of `npm test`. */
import base from '../../vitest.config.ts'

export default {
  ...base,
  test: { ...base.test, include: ['test/frameworks/**/*.frameworks.ts'], maxWorkers: 1 },
}
