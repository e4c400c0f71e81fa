/**
 * Every node of a loaded cluster is replaced, one after the other, as an orchestrator does: the new one is started, and once it is
 * ready the old one gets SIGTERM.
 *
 *   npm run storm -- rolling-deploy [--clients 600] [--publishes 100] [--nodes 3] [--plan 1m] [--old FOLDER]
 */
import { depart, type Departure } from './parts/departure.ts'
import { holdToPlanned, movesAllowed, printDeploy } from './parts/deploy-report.ts'
import { NEW, OLD } from './parts/cluster.ts'
import { BALANCER_MS, inTraffic, pause } from './parts/in-traffic.ts'
import { Promises, type StormOptions } from './parts/report.ts'

export async function rollingDeploy(options: StormOptions): Promise<boolean> {
  const { nodes = 3, plan = '1m' } = options
  const departures: Departure[] = []
  const versions = [OLD, NEW].flatMap((version) => Array.from({ length: nodes }, () => version))
  const found = await inTraffic(
    { nodes: versions.map((version) => ({ node: { version } })), started: nodes, plan },
    options,
    async ({ cluster }) => {
      for (let index = 0; index < nodes; index++) {
        await cluster.node(nodes + index).start()
        await pause(BALANCER_MS)
        departures.push(await depart(cluster.node(index), { plan, version: OLD }))
      }
    },
  )
  const findings = { ...found, departures, movesMax: movesAllowed(found.herd, departures) }
  printDeploy(findings)
  const promises = new Promises()
  holdToPlanned(promises, findings)
  return promises.verdict()
}
