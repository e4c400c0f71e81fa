/**
 * A whole region is drained as one job of the cluster, two nodes at a time, and its nodes stop. It is asked for, and watched, at a
 * node of the other region.
 *
 *   npm run storm -- region-drain [--clients 600] [--publishes 100] [--plan 1m]
 */
import { depart, type Departure } from './parts/departure.ts'
import { holdToDeadline, holdToService, movesAllowed, printDeploy } from './parts/deploy-report.ts'
import { inTraffic } from './parts/in-traffic.ts'
import { beginJob, jobText, watchJob, type JobEnd } from './parts/job.ts'
import { Promises, seconds, type StormOptions } from './parts/report.ts'

const REGIONS = ['eu', 'eu', 'us', 'us']
const PARALLEL = 2
/** Before the plan: `drain.deregisterDelay`, and heartbeats until all have heard of the job. */
const BEFORE_MS = 20_000

export async function regionDrain(options: StormOptions): Promise<boolean> {
  const { plan = '1m' } = options
  const departures: Departure[] = []
  let end: JobEnd | undefined
  const found = await inTraffic(
    {
      nodes: REGIONS.map((region) => ({ node: { version: '1.0', region } })),
      started: REGIONS.length,
      plan,
    },
    options,
    async ({ cluster }) => {
      const asked = cluster.node(REGIONS.indexOf('us'))
      const leaving = cluster.nodes.filter((_, index) => REGIONS[index] === 'eu')
      const gone = leaving.map((node) => depart(node, { plan, version: 'eu', goes: () => node.ended() }))
      // One balancer stands before all regions: it is to show nobody a node that goes next.
      const { id } = await beginJob(asked, { region: 'eu', plan, parallel: PARALLEL, cordon: true })
      end = await watchJob(id, () => asked)
      departures.push(...(await Promise.all(gone)))
    },
  )
  const job = end as JobEnd
  const findings = { ...found, departures, movesMax: movesAllowed(found.herd, departures) }
  printDeploy(findings, [['the job', jobText(job)]])
  const promises = new Promises()
  holdToService(promises, findings)
  for (const departure of departures) {
    holdToDeadline(promises, departure)
    const within = departure.planMs * 1.1 + BEFORE_MS
    const askedMs = departure.lastAskedMs
    promises.keep(
      'the plan of the job is kept',
      askedMs <= within,
      `all were to be asked within ${seconds(within)} of the order, and were within ${seconds(askedMs)}`,
    )
  }
  promises.keep('the job is done', job.last.state === 'done', job.last.state)
  return promises.verdict()
}
