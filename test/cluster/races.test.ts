import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RawClient, type Frame } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** What clients do at the same time, on nodes whose stores are real. */

const TIMES = 60
const AT_ONCE = 5

let cluster: StartedCluster
let nodes: [StartedNode, StartedNode, StartedNode]

beforeAll(async () => {
  // A machine that is busy with other tests is no reason to turn anybody away here.
  cluster = await startCluster(3, { admission: { maxLoopLag: '0ms' } })
  nodes = [...cluster.nodes] as typeof nodes
})
afterAll(() => cluster.close())

async function connect(
  node: StartedNode,
  user: string,
  session?: unknown,
): Promise<{ client: RawClient; welcome: Frame }> {
  return RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token: await node.token(user), session })
}

/** The client, whether it was welcomed or refused. */
async function attempt(node: StartedNode, user: string, session: unknown): Promise<RawClient> {
  const client = await RawClient.open(`ws://127.0.0.1:${node.port}/v1/ws`)
  client.send({ type: 'connect', token: await node.token(user), session })
  await Promise.race([client.find(({ type }) => type === 'welcome' || type === 'error'), client.closed])
  return client
}

/** A few at a time: it is not the load that is tried here. */
async function times<T>(make: (index: number) => Promise<T>): Promise<T[]> {
  const made: T[] = []
  for (let i = 0; i < TIMES; i += AT_ONCE)
    made.push(...(await Promise.all(Array.from({ length: AT_ONCE }, (_, k) => make(i + k)))))
  return made
}

describe('clients of three nodes', () => {
  it('of a session that two nodes take over at once one connection stays, and the registry knows which', async () => {
    const left = await times(async (i) => {
      const user = `twin-${i}`
      const { client, welcome } = await connect(nodes[0], user)
      const { session } = welcome
      const newer = await Promise.all([attempt(nodes[1], user, session), attempt(nodes[2], user, session)])
      return { user, clients: [client, ...newer] }
    })
    const open = () => left.map(({ clients }) => clients.filter(({ isOpen }) => isOpen).length)
    await expect.poll(open).toEqual(left.map(() => 1))
    for (const { user, clients } of left) {
      const at = clients.findIndex(({ isOpen }) => isOpen)
      const answer = await nodes[0].api('GET', `/v1/users/${user}`)
      expect(await answer.json()).toMatchObject({ sessions: [{ node: nodes[at]?.id }] })
      for (const client of clients) client.cut()
    }
  })

  it('a subscription does not outlive a token that was replaced by a narrower one right behind it', async () => {
    const clients = await times(async (i) => {
      const node = nodes[i % 3] as StartedNode
      const user = `narrow-${i}`
      const narrower = await node.token(user, { subscribe: ['other'] })
      const { client } = await connect(node, user)
      client.send({ type: 'subscribe', ref: 1, channel: `secret:${i}` })
      client.send({ type: 'auth', ref: 2, token: narrower })
      await client.find(({ type }) => type === 'authenticated')
      await client.settled()
      return client
    })
    await nodes[0].publish(
      Array.from({ length: TIMES }, (_, i) => ({ channel: `secret:${i}`, data: 'for few' })),
    )
    await expect
      .poll(async () => {
        const counts = await times(async (i) => {
          const answer = await nodes[0].api('GET', `/v1/channels/secret:${i}`)
          return ((await answer.json()) as { subscribers: { cluster: number } }).subscribers.cluster
        })
        return counts.reduce((sum, count) => sum + count)
      })
      .toBe(0)
    for (const client of clients) {
      expect(client.frames.filter(({ type }) => type === 'message')).toEqual([])
      client.cut()
    }
  })
})
