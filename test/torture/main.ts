/**
 * `npm run torture -- --seed 7 --minutes 10`: a cluster under a network that lies. Ends with 1 where a promise is broken, with 2 where
 * it cannot run.
 */
import { measureSlowness, SLOWNESS_VARIABLE } from '../support/patience.ts'

// What everything waits for follows the speed of the machine, and is read when modules are loaded.
process.env[SLOWNESS_VARIABLE] ??= String(measureSlowness())
const { torture } = await import('./command.ts')
process.exit(await torture(process.argv.slice(2)))
