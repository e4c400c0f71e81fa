/**
 * Every alert of deploy/prometheus/alerts.yaml, made by a fault in a running cluster, until it comes, and ended, until it goes. The rules are those
 * that are deployed, sixty times faster: a minute is a second.
 *
 *   npm run storm -- alerts
 */
import { printTable, type StormOptions } from './parts/report.ts'
import { IN_TURN, LARGE, LONGER_IN_TURN, SIDE_BY_SIDE } from '../../test/support/alerts/faults.ts'
import type { Fault } from '../../test/support/alerts/fault.ts'
import { AlertWatch, deployedAlerts, type Hurry } from '../../test/support/alerts/watch.ts'
import { AlertWorld } from '../../test/support/alerts/world.ts'

const FASTER = 60
/** Of a shorter window too few looks are in it. */
const WINDOW_MIN_S = 5
const HURRY: Hurry = {
  forS: (deployedS) => Math.max(1, Math.ceil(deployedS / FASTER)),
  windowS: (deployedS) => Math.max(WINDOW_MIN_S, Math.ceil(deployedS / FASTER)),
}
const LOOK_MS = 500
const COMES_WITHIN_MS = 150_000
const GOES_WITHIN_MS = 120_000
const TARGETS = 5

interface Seen {
  readonly what: string
  readonly came: string
  readonly went: string
}

export async function alerts(_options: StormOptions): Promise<boolean> {
  const world = await AlertWorld.start()
  const watch = await AlertWatch.start(world.jobs, HURRY)
  const seen = new Map<string, Seen>()
  try {
    if (!(await until(() => watch.looksAt(TARGETS), COMES_WITHIN_MS)))
      throw new Error('Prometheus sees no nodes')
    await Promise.all(SIDE_BY_SIDE.map((fault) => make(fault, world, watch, seen)))
    await Promise.all(LARGE.map((fault) => make(fault, world, watch, seen)))
    for (const fault of [...LONGER_IN_TURN, ...IN_TURN]) await make(fault, world, watch, seen)
  } finally {
    await watch.close()
    await world.close()
  }
  const wanted = deployedAlerts()
  printTable(
    wanted.map((alert): [string, string] => {
      const { what, came, went } = seen.get(alert) ?? { what: 'no fault', came: 'never', went: '-' }
      return [alert, `came ${came}, went ${went}: ${what}`]
    }),
  )
  const good = wanted.filter((alert) => {
    const one = seen.get(alert)
    return one !== undefined && one.came !== 'never' && one.went !== 'never'
  })
  console.log(`${good.length} of ${wanted.length} came and went`)
  return good.length === wanted.length
}

async function make(
  { what, makes, begin }: Fault,
  world: AlertWorld,
  watch: AlertWatch,
  seen: Map<string, Seen>,
): Promise<void> {
  // What a fault before has left is no proof.
  await Promise.all(makes.map((name) => until(async () => !(await watch.isOn(name)), GOES_WITHIN_MS)))
  console.log(`begins: ${what}`)
  const startedMs = performance.now()
  const end = await begin(world)
  const came = await Promise.all(
    makes.map((name) => timeUntil(() => watch.isOn(name), startedMs, COMES_WITHIN_MS)),
  )
  await end()
  const endedMs = performance.now()
  const went = await Promise.all(
    makes.map((name) => timeUntil(async () => !(await watch.isOn(name)), endedMs, GOES_WITHIN_MS)),
  )
  for (const [index, { alert }] of makes.entries()) {
    const one = { what, came: came[index] as string, went: went[index] as string }
    seen.set(alert, one)
    console.log(`${alert}: came ${one.came}, went ${one.went}`)
  }
}

async function timeUntil(look: () => Promise<boolean>, sinceMs: number, withinMs: number): Promise<string> {
  if (!(await until(look, withinMs))) return 'never'
  return `after ${((performance.now() - sinceMs) / 1000).toFixed(0)} s`
}

async function until(look: () => Promise<boolean>, withinMs: number): Promise<boolean> {
  const endMs = performance.now() + withinMs
  while (!(await look())) {
    if (performance.now() > endMs) return false
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  return true
}
