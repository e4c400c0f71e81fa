import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { Fleet, type FleetNode } from '../support/fleet.ts'
import { NatsMessages } from '../support/nats-messages.ts'
import { RawClient } from '../support/raw-client.ts'
import type { ConfigInput } from '../../src/config/schema.ts'

/** A node that alone cannot use what the others use is told to stop: its clients are told to go, and it ends. */

const CLIENTS = 10
/** Longer than any of these takes to find out, and much shorter than its plan. */
const SETTINGS: ConfigInput = {
  // By the plan one client would go in an hour.
  drain: { plan: '1/1h', deregisterDelay: '0ms', grace: '2s' },
}

let fleet: Fleet
let sick: FleetNode
let redis: CuttingProxy
let deaf = false
let nats: CuttingProxy
let clients: RawClient[] = []

beforeAll(async () => {
  fleet = await Fleet.start({ nodes: 3, started: 2, settings: SETTINGS })
  sick = fleet.nodes[2] as FleetNode
  redis = new CuttingProxy(Number(new URL(fleet.redis.url).port))
  await redis.listen()
  nats = new CuttingProxy(fleet.nats.port, () => new NatsMessages(() => deaf))
  await nats.listen()
})
afterEach(async () => {
  deaf = nats.refusing = redis.refusing = false
  for (const client of clients) client.cut()
  clients = []
  await sick.kill()
})
afterAll(async () => {
  await fleet.close()
  await redis.close()
  await nats.close()
})

async function start(more: ConfigInput = {}): Promise<void> {
  await sick.start({
    nats: { url: [`nats://127.0.0.1:${nats.port}`] },
    redis: { url: [`redis://127.0.0.1:${redis.port}`] },
    ...more,
  })
  clients = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, i) => {
      const token = await fleet.token(`user-${i}`)
      return (await RawClient.connect(`ws://127.0.0.1:${sick.port}/v1/ws`, { token })).client
    }),
  )
}

function cut(...proxies: readonly CuttingProxy[]): void {
  for (const proxy of proxies) {
    proxy.refusing = true
    proxy.cut(1)
  }
}

const part = (name: string): Promise<number> => sick.metric(`sluice_part_up{part="${name}"}`)

/** Whoever is told leaves at once, as clients do. */
async function toldAndEnded(): Promise<void> {
  const stopping = sick.stop()
  const asked = clients.map(async (client) => {
    const { delay } = await client.find(({ type }) => type === 'reconnect')
    client.cut()
    return delay
  })
  const delays = await Promise.all(asked)
  expect(new Set(delays).size).toBeGreaterThan(1)
  expect(await stopping).toBe(0)
}

describe('a node that is told to stop', () => {
  it('and is cut off NATS lets its clients go', async () => {
    await start()
    cut(nats)
    await expect.poll(() => part('backbone')).toBe(0)
    await toldAndEnded()
  })

  it('and does not hear itself lets its clients go', async () => {
    await start()
    deaf = true
    await expect.poll(() => part('backbone')).toBe(0)
    await toldAndEnded()
  })

  it('and is cut off Redis asks the others how they are, and lets its clients go', async () => {
    await start()
    cut(redis)
    await expect.poll(() => part('registry')).toBe(0)
    await toldAndEnded()
  })

  it('and is cut off both asks over links to the others, and lets its clients go', async () => {
    await start()
    cut(nats, redis)
    await expect.poll(() => part('registry')).toBe(0)
    await expect.poll(() => sick.metric('sluice_mesh_links')).toBe(2)
    await toldAndEnded()
  })

  it('and hears nobody at all lets its clients go', async () => {
    // With another secret nobody links with it, and nobody believes it.
    await start({ node: { clusterSecret: 'another-secret-than-the-nodes-of-the-test-have' } })
    cut(nats, redis)
    await expect.poll(() => part('registry')).toBe(0)
    await toldAndEnded()
  })

  it('keeps its clients while all nodes are without NATS, and lets them go by its plan when it is back', async () => {
    await start({ drain: { ...SETTINGS.drain, plan: '100%/1s', deadline: '10m' } })
    await fleet.nats.kill()
    await expect.poll(() => part('backbone')).toBe(0)
    const stopping = sick.stop()
    const progress = async (): Promise<{ elapsedMs: number; told: number; holding?: string }> => {
      const answer = await sick.api('GET', '/v1/nodes')
      const { nodes } = (await answer.json()) as { nodes: { id: string; address: string }[] }
      const { id } = nodes.find(({ address }) => address.endsWith(`:${sick.apiPort}`)) as { id: string }
      const drain = await (await sick.api('GET', `/v1/nodes/${id}/drain`)).json()
      return (drain as { drain: { elapsedMs: number; told: number; holding?: string } }).drain
    }
    // Longer than a node waits that alone is without it.
    await expect.poll(async () => (await progress()).elapsedMs).toBeGreaterThan(12_000)
    expect(await progress()).toMatchObject({ told: 0, holding: 'the backbone does not answer' })
    expect(clients.flatMap(({ frames }) => frames).filter(({ type }) => type === 'reconnect')).toEqual([])
    await fleet.nats.restart()
    await Promise.all(
      clients.map(async (client) => {
        await client.find(({ type }) => type === 'reconnect')
        client.cut()
      }),
    )
    expect(await stopping).toBe(0)
  })
})
