/**
 * fast-check with the seed of `TEST_SEED`. Stands in its place where that is set: a change is then judged by the
 * same cases each time it is tried.
 */
import fc from '../../node_modules/fast-check/lib/fast-check.js'

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.TEST_SEED) })

export default fc
