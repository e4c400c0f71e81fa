import { afterEach, describe, expect, it } from 'vitest'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { NatsMessages } from '../support/nats-messages.ts'
import type { NatsServer } from '../support/nats-server.ts'
import { RawClient } from '../support/raw-client.ts'
import { CLUSTER_SECRET, startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'
import { NodeTokens } from '../../src/cluster/node-token.ts'
import type { NodeInfo } from '../../src/registry/registry.ts'

/** A node that does not hear itself says so, and its clients miss nothing. */

let cluster: StartedCluster | undefined
let proxy: CuttingProxy | undefined

afterEach(async () => {
  await proxy?.close()
  await cluster?.close()
})

const verdictOf = async (node: StartedNode): Promise<{ status: number; body: string }> => {
  const response = await fetch(`http://127.0.0.1:${node.apiPort}/readyz`)
  return { status: response.status, body: await response.text() }
}

const ready = async (node: StartedNode): Promise<number> => (await verdictOf(node)).status

const part = async (node: StartedNode): Promise<{ status: string; detail?: string }> => {
  const deep = (await (await node.api('GET', '/healthz/deep')).json()) as {
    parts: { backbone: { status: string; detail?: string } }
  }
  return deep.parts.backbone
}

/** How many nodes can use the backbone, as a node sees it. */
const whole = async (node: StartedNode): Promise<number> => {
  const { nodes } = (await (await node.api('GET', '/v1/nodes')).json()) as { nodes: NodeInfo[] }
  return nodes.filter(({ degraded }) => !degraded.includes('backbone')).length
}

const checkedAt = async (node: StartedNode): Promise<number> =>
  ((await (await node.api('GET', '/healthz/deep')).json()) as { checkedAt: number }).checkedAt

const checkedTwice = async (nodes: readonly StartedNode[]): Promise<void> => {
  for (let i = 0; i < 2; i++) {
    const before = await Promise.all(nodes.map(checkedAt))
    for (const [index, node] of nodes.entries()) {
      await expect.poll(() => checkedAt(node)).toBeGreaterThan(before[index] as number)
    }
  }
}

const pause = (nats: NatsServer): Promise<void> => Promise.resolve(nats.pause())
const resume = (nats: NatsServer): Promise<void> => Promise.resolve(nats.resume())

const byText = (one: unknown, other: unknown): number => String(one).localeCompare(String(other))

describe('a deaf node', () => {
  it('says so, is not ready while others are, gets its messages by the mesh, and recovers', async () => {
    cluster = await startCluster(1)
    proxy = new CuttingProxy(cluster.nats.port)
    await proxy.listen()
    const well = cluster.nodes[0] as StartedNode
    const deaf = await cluster.join({ nats: { url: [`nats://127.0.0.1:${proxy.port}`] } })
    const { client } = await RawClient.connect(`ws://127.0.0.1:${deaf.port}/v1/ws`, {
      token: await deaf.token('ann'),
    })
    await client.request({ type: 'subscribe', ref: 1, channel: 'news' })
    expect(await ready(deaf)).toBe(200)

    proxy.refusing = true
    proxy.cut(1)
    await expect.poll(() => ready(deaf)).toBe(503)
    expect(await part(deaf)).toMatchObject({ status: 'failing' })
    expect(await ready(well)).toBe(200)
    await expect.poll(() => deaf.metric('sluice_mesh_links')).toBe(1)
    await well.publish({ channel: 'news', data: 'by mesh' })
    expect(await client.next('message')).toMatchObject({ data: 'by mesh' })
    const [answer] = await deaf.publish({ channel: 'news', data: 'degraded' })
    expect(answer).toMatchObject({ degraded: true })
    expect(await client.next('message')).toMatchObject({ data: 'degraded' })

    proxy.refusing = false
    await expect.poll(() => ready(deaf)).toBe(200)
    await expect.poll(() => well.metric('sluice_mesh_links')).toBe(0)
    await well.publish({ channel: 'news', data: 'by NATS' })
    expect(await client.next('message')).toMatchObject({ data: 'by NATS' })
    await expect.poll(() => deaf.metric('sluice_backbone_round_trip_seconds_count')).toBeGreaterThan(0)
    client.cut()
  })

  it('that is connected as ever links to the others, and its messages come once each, also when it hears again', async () => {
    cluster = await startCluster(1, { namespaces: { live: { delivery: 'ephemeral' } } })
    let dropping = false
    proxy = new CuttingProxy(cluster.nats.port, () => new NatsMessages(() => dropping))
    await proxy.listen()
    const well = cluster.nodes[0] as StartedNode
    const deaf = await cluster.join({ nats: { url: [`nats://127.0.0.1:${proxy.port}`] } })
    const listen = async (node: StartedNode, user: string): Promise<RawClient> => {
      const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
        token: await node.token(user),
      })
      for (const [ref, channel] of ['live:1', 'news'].entries()) {
        await client.request({ type: 'subscribe', ref, channel })
      }
      return client
    }
    const atWell = await listen(well, 'ann')
    const atDeaf = await listen(deaf, 'bob')

    dropping = true
    await expect.poll(() => deaf.metric('sluice_deaf')).toBe(1)
    await expect.poll(() => deaf.metric('sluice_mesh_links')).toBe(1)
    await expect.poll(() => well.metric('sluice_mesh_links')).toBe(1)
    expect(proxy.connections).toBe(1)
    for (const target of [{ channel: 'live:1' }, { channel: 'news' }]) {
      await well.publish({ ...target, data: 'to the deaf' })
      expect(await atDeaf.next('message')).toMatchObject({ ...target, data: 'to the deaf' })
      expect(await atWell.next('message')).toMatchObject({ ...target, data: 'to the deaf' })
      const [answer] = await deaf.publish({ ...target, data: 'from the deaf' })
      expect(answer).toMatchObject({ degraded: true })
      for (const client of [atDeaf, atWell]) {
        expect(await client.next('message')).toMatchObject({ ...target, data: 'from the deaf' })
      }
    }
    await well.publish({ user: 'bob', data: 'yours' })
    expect(await atDeaf.next('message')).toMatchObject({ channel: '@inbox', data: 'yours' })
    const [inbox] = await deaf.publish({ user: 'ann', data: 'yours' })
    expect(inbox).toMatchObject({ degraded: true })
    expect(await atWell.next('message')).toMatchObject({ channel: '@inbox', data: 'yours' })

    // From deaf to hearing, and on until the links are closed, without a pause.
    let published = 0
    const bothPublish = async (): Promise<void> => {
      await Promise.all([
        well.publish({ channel: 'live:1', data: `well ${published}` }),
        deaf.publish({ channel: 'live:1', data: `deaf ${published}` }),
      ])
      published++
    }
    for (let i = 0; i < 20; i++) await bothPublish()
    dropping = false
    while ((await well.metric('sluice_mesh_links')) > 0) await bothPublish()
    expect(await deaf.metric('sluice_deaf')).toBe(0)
    const [answer] = await deaf.publish({ channel: 'live:1', data: 'last of the deaf' })
    expect(answer).not.toHaveProperty('degraded')
    await well.publish({ channel: 'live:1', data: 'last of the well' })
    for (const client of [atWell, atDeaf]) {
      const came: unknown[] = []
      while (!came.includes('last of the well') || !came.includes('last of the deaf')) {
        came.push((await client.next('message'))['data'])
      }
      const numbers = Array.from({ length: published }, (_, i) => i)
      const sent = [
        ...numbers.flatMap((i) => [`well ${i}`, `deaf ${i}`]),
        'last of the well',
        'last of the deaf',
      ]
      expect(came.toSorted(byText)).toEqual(sent.toSorted(byText))
      client.cut()
    }
  })

  // The heartbeat is the default: for longer than it takes to notice the loss, the table says that all are well.
  it.each([
    ['is stopped', (nats: NatsServer) => nats.kill(), (nats: NatsServer) => nats.restart()],
    ['hangs', pause, resume],
  ])(
    'stays ready where nobody else hears either, since NATS %s, and when all come back one after the other',
    async (_what, lose, find) => {
      cluster = await startCluster(3, { cluster: { heartbeat: '3s', nodeTtl: '10s' } })
      const { nodes, nats } = cluster
      const verdicts = new Set<string>()
      let watching = true
      const watched = nodes.map(async (node) => {
        while (watching) {
          const { status, body } = await verdictOf(node)
          verdicts.add(`${status} ${body}`)
        }
      })
      await lose(nats)
      for (const node of nodes) {
        await expect.poll(async () => (await part(node)).status).toBe('degraded')
        await expect.poll(() => whole(node)).toBe(0)
      }
      await checkedTwice(nodes)
      await find(nats)
      for (const node of nodes) {
        await expect.poll(async () => (await part(node)).status).toBe('ok')
        await expect.poll(() => whole(node)).toBe(3)
      }
      await checkedTwice(nodes)
      watching = false
      await Promise.all(watched)
      expect([...verdicts]).toEqual(['200 {"ok":true,"reason":"ok"}'])
    },
  )

  it('takes no link of a node that does not know the secret', async () => {
    cluster = await startCluster(1)
    const { apiPort } = cluster.nodes[0] as StartedNode
    await expect(
      RawClient.open(`ws://127.0.0.1:${apiPort}/v1/mesh`, { protocols: ['sluice.mesh.v1'] }),
    ).rejects.toMatchObject({ status: 401 })
  })

  it('takes no link with a token that was used before', async () => {
    cluster = await startCluster(1)
    const [node] = cluster.nodes as [StartedNode]
    const authorization = new NodeTokens(CLUSTER_SECRET, 'another').issue(node.id, Date.now(), 'link')
    const link = (): Promise<RawClient> =>
      RawClient.open(`ws://127.0.0.1:${node.apiPort}/v1/mesh`, {
        protocols: ['sluice.mesh.v1'],
        headers: { authorization },
      })
    const first = await link()
    await expect(link()).rejects.toMatchObject({ status: 409 })
    first.socket.close()
    await first.closed
    await expect(link()).rejects.toMatchObject({ status: 409 })
    expect(await node.metric('sluice_mesh_refusals_total{direction="in",why="replayed"}')).toBe(2)
  })
})
