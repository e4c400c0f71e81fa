/**
 * Redis hangs when a node has just been told to go, and is not well again before the node's deadline: it ends in time all the
 * same, says why, and nobody misses anything once Redis answers. The deadline is that of an orchestrator that allows 60 s; where
 * Redis is away for longer than messages are kept (60 s), clients get resets.
 *
 *   npm run storm -- redis-frozen-during-drain [--clients 600] [--publishes 100] [--plan 20s]
 */
import { depart, type Departure } from './parts/departure.ts'
import { holdToData, holdToDeadline, printDeploy } from './parts/deploy-report.ts'
import { BALANCER_MS, inTraffic, pause } from './parts/in-traffic.ts'
import { Promises, type StormOptions } from './parts/report.ts'

const DEADLINE = '50s'

export async function redisFrozenDuringDrain(options: StormOptions): Promise<boolean> {
  const { plan = '20s' } = options
  const departures: Departure[] = []
  let evictedLine = false
  const found = await inTraffic(
    {
      nodes: ['1.0', '1.0', '1.1'].map((version) => ({ node: { version }, drain: { deadline: DEADLINE } })),
      started: 2,
      plan,
    },
    options,
    async ({ cluster }) => {
      await cluster.node(2).start()
      await pause(BALANCER_MS)
      const departure = depart(cluster.node(0), { plan, version: '1.0' })
      cluster.redis.pause()
      departures.push(await departure)
      cluster.redis.resume()
      evictedLine = cluster.node(0).output.includes('clients that could not be moved in time were closed')
    },
  )
  const findings = { ...found, departures, movesMax: Infinity }
  printDeploy(findings)
  const promises = new Promises()
  holdToData(promises, found.herd, departures[0]?.tookMs)
  for (const departure of departures) {
    holdToDeadline(promises, departure)
    promises.keep('the drain says what holds it', departure.heldBy.length > 0, 'nothing')
  }
  promises.keep('the log lists who could not be moved', evictedLine, 'no such line')
  return promises.verdict()
}
