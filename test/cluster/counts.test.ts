import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RawClient, type Frame } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** What happens between nodes is counted where it happens. */

let cluster: StartedCluster
let one: StartedNode
let two: StartedNode

beforeAll(async () => {
  cluster = await startCluster(2, {
    drain: { plan: '100%/1s', deregisterDelay: '0ms', grace: '1s', linger: '1m' },
    heartbeat: { retryMin: '50ms', retryMax: '200ms' },
  })
  ;[one, two] = cluster.nodes as [StartedNode, StartedNode]
})
afterAll(() => cluster.close())

async function connect(
  node: StartedNode,
  user: string,
  session?: unknown,
): Promise<{ client: RawClient; welcome: Frame }> {
  return RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token: await node.token(user), session })
}

describe('the metrics of two nodes', () => {
  it('count a session that a connection at another node has taken, at the node that lost it', async () => {
    const { client, welcome } = await connect(one, 'ann')
    const { client: newer } = await connect(two, 'ann', welcome['session'])
    expect(await client.closed).toMatchObject({ code: 4409 })
    expect(await one.metric('sluice_takeovers_total')).toBe(1)
    expect(await two.metric('sluice_takeovers_total')).toBe(0)
    newer.cut()
  })

  it('count the calls of the registry', async () => {
    const claims = 'sluice_registry_ops_total{op="claim",result="ok"}'
    const before = await two.metric(claims)
    const { client } = await connect(two, 'bob')
    expect((await two.metric(claims)) - before).toBe(1)
    expect(await two.metric('sluice_registry_ops_total{op="heartbeat",result="ok"}')).toBeGreaterThan(0)
    expect(await two.metric('sluice_registry_ops_total{op="nodes",result="ok"}')).toBeGreaterThan(0)
    client.cut()
    await expect.poll(() => two.metric('sluice_registry_ops_total{op="release",result="ok"}')).toBe(2)
  })

  it('count what is sent through the backbone, once for all who hear it', async () => {
    const sent = 'sluice_backbone_messages_total{direction="out"}'
    const clients = await Promise.all(['ann', 'bob'].map((user) => connect(two, user)))
    for (const { client } of clients) await client.request({ type: 'subscribe', ref: 1, channel: 'news' })
    const before = await one.metric(sent)
    await one.publish(Array.from({ length: 500 }, (_, n) => ({ channel: 'news', data: n })))
    const more = (await one.metric(sent)) - before
    expect(more).toBeGreaterThanOrEqual(500)
    // Words to itself come on top.
    expect(more).toBeLessThan(1000)
    for (const { client } of clients) client.cut()
  })

  it('count who was moved by a drain, and who was closed when its time was up', async () => {
    const { client: moving, welcome } = await connect(one, 'ann')
    const { client: staying } = await connect(one, 'bob')
    const drained = await one.api('POST', `/v1/nodes/${one.id}/drain`, {})
    expect(drained.status).toBeLessThan(300)
    await moving.next('reconnect')
    const { client: moved } = await connect(two, 'ann', welcome['session'])
    expect(await staying.closed).toMatchObject({ code: 1012 })
    expect(await one.metric('sluice_drain_moves_total{result="confirmed"}')).toBe(1)
    expect(await one.metric('sluice_drain_moves_total{result="closed"}')).toBe(1)
    for (const client of [moving, moved]) client.cut()
  })
})
