/**
 * Storms: whole clusters under traffic, in which something happens. Each prints counts, and ends with 1 where a promise
 * was broken.
 *
 *   npm run storm -- rolling-deploy
 *   npm run storm -- --list
 *
 * With `--old FOLDER` the nodes that a deploy replaces run the build in that folder, a tree of an older commit in which `npm run build`
 * has run.
 */
import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { alerts } from './alerts.ts'
import { centrifugeDrain } from './centrifuge-drain.ts'
import { compose } from './compose.ts'
import { crashHerd } from './crash-herd.ts'
import { hostileHerd } from './hostile-herd.ts'
import type { StormOptions } from './parts/report.ts'
import { large } from './large.ts'
import { leaderDies } from './leader-dies.ts'
import { oldPodRestarts } from './old-pod-restarts.ts'
import { pusherDrain } from './pusher-drain.ts'
import { redisFrozenDuringDrain } from './redis-frozen-during-drain.ts'
import { regionDrain } from './region-drain.ts'
import { resumeStorm } from './resume-storm.ts'
import { rollback } from './rollback.ts'
import { rollingDeploy } from './rolling-deploy.ts'
import { twoBuilds } from './two-builds.ts'
import { socketioDeploy } from './socketio-deploy.ts'

const STORMS: Readonly<Record<string, (options: StormOptions) => Promise<boolean>>> = {
  'rolling-deploy': rollingDeploy,
  'region-drain': regionDrain,
  rollback,
  'old-pod-restarts': oldPodRestarts,
  'two-builds': twoBuilds,
  'redis-frozen-during-drain': redisFrozenDuringDrain,
  'leader-dies': leaderDies,
  'socketio-deploy': socketioDeploy,
  'crash-herd': crashHerd,
  'hostile-herd': hostileHerd,
  'pusher-drain': pusherDrain,
  'centrifuge-drain': centrifugeDrain,
  'resume-storm': resumeStorm,
  large,
  alerts,
  compose,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    clients: { type: 'string' },
    publishes: { type: 'string' },
    nodes: { type: 'string' },
    plan: { type: 'string' },
    old: { type: 'string' },
  },
})

// A storm that is interrupted takes along whatever it has started: each process is ended when this one exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

if (values.list) {
  for (const name of Object.keys(STORMS)) console.log(name)
} else {
  const options = {
    clients: numberOf('clients', values.clients),
    publishes: numberOf('publishes', values.publishes),
    nodes: numberOf('nodes', values.nodes),
    plan: values.plan,
    old: values.old === undefined ? undefined : programIn(values.old),
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

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new Error(`--${name} must be a whole number from 1 on, not ${text}`)
}

/** Of a built tree. */
function programIn(folder: string): string {
  for (const needed of ['bin/sluice.js', 'dist']) {
    if (statSync(join(folder, needed), { throwIfNoEntry: false }) === undefined)
      throw new Error(
        `--old must be a folder with bin/sluice.js and a build in dist; ${folder} has no ${needed}`,
      )
  }
  return resolve(folder, 'bin/sluice.js')
}
