/** Clients that are published beyond npm. What they need is fetched when it is missing, so they are no part of `npm test`. */
import base from '../../vitest.config.ts'

export default { ...base, test: { ...base.test, include: ['test/clients/**/*.clients.ts'], maxWorkers: 1 } }
