import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from '../../src/client/node.ts'
import type { ClientError } from '../../src/client/index.ts'
import { Balancer } from '../support/balancer.ts'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** The SDK on a durable channel, while JetStream comes and goes. */

let cluster: StartedCluster
let one: StartedNode
let two: StartedNode
let balancer: Balancer
let proxy: CuttingProxy

beforeAll(async () => {
  cluster = await startCluster(2, { namespaces: { jobs: { delivery: 'durable' } } })
  ;[one, two] = cluster.nodes as [StartedNode, StartedNode]
  balancer = new Balancer([one.port])
  await balancer.listen()
  proxy = new CuttingProxy(balancer.port)
  await proxy.listen()
})
afterAll(async () => {
  await proxy.close()
  await balancer.close()
  await cluster.close()
})

describe('the client on a durable channel', () => {
  it('reports nothing, and acknowledges later, where a welcome could not restore the channel', async () => {
    const errors: ClientError[] = []
    const seen: unknown[] = []
    const refused: unknown[] = []
    const client = createClient({
      url: `ws://127.0.0.1:${proxy.port}/v1/ws`,
      token: await one.token('ann'),
      backoff: { baseMs: 20, maxMs: 50 },
    })
    client.on('error', (error) => errors.push(error))
    client.on('welcome', ({ node, channels }) => {
      if (node === two.id) refused.push(channels['jobs:1'])
    })
    const { ready } = client.subscribe('jobs:1', ({ data }) => void seen.push(data))
    await client.connect()
    await ready
    await one.publish({ channel: 'jobs:1', data: 1 })
    await expect.poll(() => one.metric('sluice_acks_total')).toBe(1)

    await cluster.nats.kill()
    await expect.poll(() => two.metric('sluice_part_up{part="backbone"}')).toBe(0)
    balancer.targets = [two.port]
    proxy.cut(1)
    await expect.poll(() => refused).toEqual([{ recovered: false, error: 'unavailable' }])

    await cluster.nats.restart()
    await expect.poll(() => two.metric('sluice_acks_total')).toBe(1)
    expect(seen).toEqual([1])
    expect(errors).toEqual([])
    client.close()
  })
})
