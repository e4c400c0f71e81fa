/**
 * Storms: whole clusters under traffic, in which something happens. Each prints counts, and ends with 1 where a promise
 * was broken.
 *
 *   npm run storm -- rolling-deploy
 *   npm run storm -- --list
 */
import { parseArgs } from 'node:util'
import { crashHerd } from './crash-herd.ts'
import { hostileHerd } from './hostile-herd.ts'
import type { StormOptions } from './report.ts'
import { resumeStorm } from './resume-storm.ts'
import { rollingDeploy } from './rolling-deploy.ts'
import { socketioDeploy } from './socketio-deploy.ts'

const STORMS: Readonly<Record<string, (options: StormOptions) => Promise<boolean>>> = {
  'rolling-deploy': rollingDeploy,
  'socketio-deploy': socketioDeploy,
  'crash-herd': crashHerd,
  'hostile-herd': hostileHerd,
  'resume-storm': resumeStorm,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    clients: { type: 'string', default: '' },
    publishes: { type: 'string', default: '500' },
    nodes: { type: 'string', default: '3' },
  },
})

if (values.list) {
  for (const name of Object.keys(STORMS)) console.log(name)
} else {
  const options = {
    clients: values.clients === '' ? undefined : numberOf('clients', values.clients),
    publishes: numberOf('publishes', values.publishes),
    nodes: numberOf('nodes', values.nodes),
  }
  let kept = true
  for (const name of positionals.length === 0 ? Object.keys(STORMS) : positionals) {
    const storm = STORMS[name]
    if (storm === undefined)
      throw new Error(`there is no storm ${name}; there are ${Object.keys(STORMS).join(', ')}`)
    console.log(`\n# ${name}\n`)
    if (!(await storm(options))) kept = false
  }
  process.exit(kept ? 0 : 1)
}

function numberOf(name: string, text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new Error(`--${name} must be a whole number from 1 on, not ${text}`)
}
