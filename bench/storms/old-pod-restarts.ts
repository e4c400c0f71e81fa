/**
 * A deploy in the middle of which an old pod comes back: its supervisor starts the old version again after it was drained, so it
 * is the process that was started last.
 *
 *   npm run storm -- old-pod-restarts [--clients 600] [--publishes 100] [--plan 30s] [--old FOLDER]
 */
import { depart, type Departure } from './parts/departure.ts'
import { holdToPlanned, movesAllowed, printDeploy } from './parts/deploy-report.ts'
import { NEW, OLD } from './parts/cluster.ts'
import { BALANCER_MS, inTraffic, pause } from './parts/in-traffic.ts'
import { Promises, type StormOptions } from './parts/report.ts'
import { outdated } from './rollback.ts'

/** The balancer prefers the pod that came back, since it is empty: who was sent on from there eight times is let in. */
const MOVES_MAX = 1.25

export async function oldPodRestarts(options: StormOptions): Promise<boolean> {
  const { plan = '30s' } = options
  const departures: Departure[] = []
  let sentBack = 0
  const found = await inTraffic(
    { nodes: [OLD, OLD, NEW, NEW].map((version) => ({ node: { version } })), started: 2, plan },
    options,
    async ({ cluster }) => {
      const old = { plan, version: OLD }
      await cluster.node(2).start()
      await pause(BALANCER_MS)
      departures.push(await depart(cluster.node(0), old))
      await cluster.node(0).start()
      await cluster.node(3).start()
      await pause(BALANCER_MS)
      departures.push(await depart(cluster.node(1), old))
      departures.push(await depart(cluster.node(0), old))
      sentBack = (await outdated(cluster.node(2))) + (await outdated(cluster.node(3)))
    },
  )
  const findings = { ...found, departures, movesMax: movesAllowed(found.herd, departures, MOVES_MAX) }
  printDeploy(findings, [[`sent away by nodes of ${NEW}`, String(sentBack)]])
  const promises = new Promises()
  holdToPlanned(promises, findings)
  promises.none('client is sent away by the new version', sentBack)
  return promises.verdict()
}
