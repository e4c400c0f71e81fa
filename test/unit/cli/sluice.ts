/** What `bin/sluice.js` is, without a build. */
import { runProcess } from '../../../src/cli/main.ts'

await runProcess()
