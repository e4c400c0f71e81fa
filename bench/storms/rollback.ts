/**
 * A deploy that is taken back when it is half done: operators say which version is meant, the old one is started again where it
 * had gone, and the new one is drained.
 *
 *   npm run storm -- rollback [--clients 600] [--publishes 100] [--plan 30s] [--old FOLDER]
 */
import { depart, type Departure } from './parts/departure.ts'
import { holdToPlanned, movesAllowed, printDeploy } from './parts/deploy-report.ts'
import { NEW, OLD } from './parts/cluster.ts'
import { BALANCER_MS, inTraffic, pause } from './parts/in-traffic.ts'
import { Promises, type StormOptions } from './parts/report.ts'
import type { GatewayProcess } from '../../test/support/gateway-process.ts'

export async function rollback(options: StormOptions): Promise<boolean> {
  const { plan = '30s' } = options
  const promises = new Promises()
  const departures: Departure[] = []
  let sentBack = 0
  const found = await inTraffic(
    { nodes: [OLD, OLD, NEW].map((version) => ({ node: { version } })), started: 2, plan },
    options,
    async ({ cluster }) => {
      const [replaced, kept, successor] = cluster.nodes as readonly [
        GatewayProcess,
        GatewayProcess,
        GatewayProcess,
      ]
      await successor.start()
      await pause(BALANCER_MS)
      departures.push(await depart(replaced, { plan, version: OLD }))
      const target = await cluster.sluice(kept, 'target', OLD)
      promises.keep(`sluice target ${OLD} is taken`, target.code === 0, target.output)
      await replaced.start()
      await pause(BALANCER_MS)
      const before = await outdated(kept)
      departures.push(await depart(successor, { plan, version: NEW, round: 1 }))
      sentBack = (await outdated(kept)) - before + (await outdated(replaced))
    },
  )
  const findings = { ...found, departures, movesMax: movesAllowed(found.herd, departures) }
  printDeploy(findings, [[`sent away by nodes of ${OLD} after the rollback`, String(sentBack)]])
  holdToPlanned(promises, findings)
  promises.none(`client is sent away by the version that is meant`, sentBack)
  return promises.verdict()
}

/** So many clients a node has sent on, because they were to go to another version. */
export function outdated(node: GatewayProcess): Promise<number> {
  return node.metric('sluice_refusals_total{reason="outdated"}')
}
