import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from '../../src/client/node.ts'
import type { SluiceClient } from '../../src/client/index.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'

/** A balancer that knows nothing of links: what a client sends comes to one node after the other. */

let cluster: StartedCluster
const clients: SluiceClient[] = []

beforeAll(async () => {
  cluster = await startCluster(2, { namespaces: { chat: { clientPublish: 'fanout' } } })
})
afterAll(async () => {
  for (const client of clients) client.close()
  await cluster.close()
})

/** Each request goes to the next node. */
function scattered(): typeof fetch {
  let turn = 0
  return (input, init) => {
    const url = new URL(input as string)
    url.port = String(cluster.nodes[turn++ % cluster.nodes.length]?.port)
    return fetch(url, init)
  }
}

describe.each(['sse', 'poll'] as const)('a client over %s whose requests come to any node', (transport) => {
  it('publishes and shows each message once and in order', async () => {
    const [node] = cluster.nodes
    if (node === undefined) throw new Error('no node')
    const client = createClient({
      url: `ws://127.0.0.1:${node.port}/v1/ws`,
      token: () => node.token(`ann-${transport}`),
      transport,
      fetch: scattered(),
    })
    clients.push(client)
    const states: string[] = []
    client.on('state', ({ state }) => void states.push(state))
    const seen: unknown[] = []
    const { ready } = client.subscribe(`chat:${transport}`, ({ data }) => void seen.push(data))
    await client.connect()
    await ready
    const expected = Array.from({ length: 20 }, (_, n) => n)
    for (const n of expected) await client.publish(`chat:${transport}`, n)
    await expect.poll(() => seen.length).toBe(expected.length)
    expect(seen).toEqual(expected)
    expect(states).toEqual(['connecting', 'connected'])
  })
})
