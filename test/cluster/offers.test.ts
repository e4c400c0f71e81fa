import { afterEach, expect, it } from 'vitest'
import type { SluiceClient } from '../../src/client/index.ts'
import { createClient } from '../../src/client/node.ts'
import { Balancer } from '../support/balancer.ts'
import { comesTo } from '../support/patience.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { NodeInfo } from '../../src/registry/registry.ts'

/** What nodes offer to take is in their table, and a drain without a pace of its own goes by it. */

const CLIENTS = 60
const PER_SECOND = 40

let cluster: StartedCluster | undefined
let balancer: Balancer | undefined
let clients: readonly SluiceClient[] = []
afterEach(async () => {
  for (const client of clients) client.close()
  await cluster?.close()
  await balancer?.close()
  clients = []
  cluster = balancer = undefined
})

it('a fast drain moves everybody, and nobody finds the other node over its rate', async () => {
  cluster = await startCluster(0, {
    drain: { deregisterDelay: '0ms', linger: '5s' },
    cluster: { heartbeat: '200ms' },
  })
  const old = await cluster.join()
  const fresh = await cluster.join({
    // Whoever comes too soon is refused, and that is counted.
    admission: {
      connectionsPerSecond: PER_SECOND,
      burst: PER_SECOND,
      queue: 0,
      perAddressPerSecond: 0,
      maxLoopLag: 0,
    },
  })
  const table = async (): Promise<readonly NodeInfo[]> =>
    ((await (await old.api('GET', '/v1/nodes')).json()) as { nodes: readonly NodeInfo[] }).nodes
  await comesTo(
    async () => (await table()).map(({ offers }) => offers).toSorted((a, b) => Number(a) - Number(b)),
    [PER_SECOND, 2000],
  )

  balancer = new Balancer([old.port])
  await balancer.listen()
  const url = `ws://127.0.0.1:${balancer.port}/v1/ws`
  const welcomed = new Map<number, string[]>()
  clients = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, i) => {
      const client = createClient({ url, token: await old.token(`user-${i}`) })
      welcomed.set(i, [])
      client.on('welcome', ({ node }) => welcomed.get(i)?.push(node))
      await client.connect()
      return client
    }),
  )
  balancer.targets = [fresh.port]

  const asked = await fresh.api('POST', `/v1/nodes/${old.id}/drain`, { plan: 'fast' })
  expect(await asked.json()).toMatchObject({ drain: { plan: 'fast', total: CLIENTS } })
  await comesTo(() => [...welcomed.values()].filter((nodes) => nodes.at(-1) === fresh.id).length, CLIENTS)
  expect([...welcomed.values()]).toEqual(Array.from({ length: CLIENTS }, () => [old.id, fresh.id]))
  expect(await fresh.metric('sluice_refusals_total{reason="queue_full"}')).toBe(0)
})

it('a node whose Redis is slow offers less, and all again once it is well', async () => {
  cluster = await startCluster(0, { cluster: { heartbeat: '200ms' } })
  const node = await cluster.join()
  const offered = (): Promise<number> => node.metric('sluice_admission_offered_per_second')
  await comesTo(offered, 2000)
  cluster.redis.pause()
  await comesTo(async () => (await offered()) <= 200, true)
  expect(await offered()).toBeGreaterThanOrEqual(100)
  cluster.redis.resume()
  await comesTo(offered, 2000)
})
