import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from '../../src/client/node.ts'
import { EventStream } from '../support/event-stream.ts'
import { comesTo } from '../support/patience.ts'
import { RawClient } from '../support/raw-client.ts'
import { freePort } from '../support/server-process.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** Two regions that share NATS and Redis, and a node of one that is drained into the other. */

let cluster: StartedCluster
let east: StartedNode
let west: StartedNode
let westUrl: string

beforeAll(async () => {
  cluster = await startCluster(0, {
    drain: { plan: '1s', deregisterDelay: '0ms', linger: '100ms' },
  })
  const port = await freePort()
  westUrl = `ws://127.0.0.1:${port}`
  east = await cluster.join({ node: { region: 'eu-east' } })
  west = await cluster.join({ port, node: { region: 'eu-west', publicUrl: westUrl } })
  await comesTo(nodesSeen, 2)
})
const nodesSeen = async (): Promise<number> =>
  ((await (await east.api('GET', '/v1/nodes')).json()) as { nodes: unknown[] }).nodes.length

afterAll(() => cluster.close())

describe('a drain to another region', () => {
  it.each([
    ['that nobody is in', 'asia', 'other nodes are in: eu-west'],
    ['that does not say where it is', 'eu-south', 'node.publicUrl'],
    ['that is no name', 7, 'to must be the name of a region'],
  ])('%s is refused, and nobody is moved', async (_name, to, why) => {
    if (to === 'eu-south') {
      await cluster.join({ node: { region: 'eu-south' } })
      await comesTo(nodesSeen, 3)
    }
    const answer = await east.api('POST', `/v1/nodes/${east.id}/drain`, { to })
    expect(answer.status).toBe(400)
    const { error } = (await answer.json()) as { error: { message: string } }
    expect(error.message).toContain(why)
    const progress = await (await east.api('GET', `/v1/nodes/${east.id}/drain`)).json()
    expect(progress).toMatchObject({ drain: null })
  })

  it('takes the SDK there before its old connection ends, with nothing lost, and tells streams, polls and others where', async () => {
    const token = await east.token('ann')
    const client = createClient({ url: `ws://127.0.0.1:${east.port}/v1/ws`, token })
    const nodes: string[] = []
    const states: string[] = []
    const resets: unknown[] = []
    const shown: unknown[] = []
    client.on('welcome', ({ node }) => nodes.push(node))
    client.on('state', ({ state }) => states.push(state))
    client.on('reset', (reset) => resets.push(reset))
    const { ready } = client.subscribe('news', ({ data }) => shown.push(data))
    await client.connect()
    await ready

    const raw = await RawClient.connect(`ws://127.0.0.1:${east.port}/v1/ws`, {
      token: await east.token('raw'),
    })
    const stream = await EventStream.open(
      `http://127.0.0.1:${east.port}/v1/sse?channels=news&token=${await east.token('stream')}`,
    )
    await stream.next('welcome')
    const poll = `http://127.0.0.1:${east.port}/v1/poll?channels=news&token=${await east.token('poll')}`
    const { cursor } = (await (await fetch(`${poll}&wait=0`)).json()) as { cursor: string }
    const polling = fetch(`${poll}&wait=100&cursor=${cursor}`)
    await expect.poll(() => east.metric('sluice_connections{transport="poll"}')).toBe(1)

    const asked = await west.api('POST', `/v1/nodes/${east.id}/drain`, { to: 'eu-west' })
    expect(await asked.json()).toMatchObject({ drain: { to: 'eu-west', total: 4 } })
    let published = 0
    while (nodes.length < 2) await west.publish({ channel: 'news', data: published++ })
    await west.publish({ channel: 'news', data: published++ })
    await expect.poll(() => shown).toEqual(Array.from({ length: published }, (_, i) => i))
    expect(nodes).toEqual([east.id, west.id])
    expect(states).toEqual(['connecting', 'connected', 'moving', 'connected'])
    expect(resets).toEqual([])

    const told = await raw.client.find(({ type }) => type === 'reconnect')
    expect(told).toMatchObject({ url: `${westUrl}/v1/ws`, reason: 'drain' })
    const closing = (await stream.rest()).find(({ event }) => event === 'closing')
    expect(closing?.data).toMatchObject({ url: `${westUrl.replace('ws', 'http')}/v1/sse` })
    // What has come meanwhile may have ended the poll before its turn: then there is nobody to tell.
    const answer = (await (await polling).json()) as { url?: string; messages: unknown[] }
    if (answer.messages.length === 0) expect(answer.url).toBe(`${westUrl.replace('ws', 'http')}/v1/poll`)
    raw.client.cut()
    client.close()
  })
})
