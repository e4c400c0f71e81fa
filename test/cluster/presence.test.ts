import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RawClient } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** Who is in a channel, across nodes. */

let cluster: StartedCluster
let one: StartedNode
let two: StartedNode

beforeAll(async () => {
  cluster = await startCluster(2, { namespaces: { room: { presence: true } } })
  ;[one, two] = cluster.nodes as [StartedNode, StartedNode]
})
afterAll(() => cluster.close())

async function enter(node: StartedNode, user: string, channel: string): Promise<RawClient> {
  const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
    token: await node.token(user),
  })
  await client.request({ type: 'subscribe', ref: 1, channel })
  return client
}

const members = async (client: RawClient, channel: string): Promise<unknown> =>
  (
    (await client.request({ type: 'presence', ref: 2, channel })) as unknown as { users: string[] }
  ).users.toSorted()

describe('presence', () => {
  it('tells who comes and goes on other nodes, and answers who is there', async () => {
    const ann = await enter(one, 'ann', 'room:1')
    await expect.poll(() => members(ann, 'room:1')).toEqual(['ann'])
    const bob = await enter(two, 'bob', 'room:1')
    expect(await ann.find(({ type, user }) => type === 'join' && user === 'bob')).toMatchObject({
      channel: 'room:1',
    })
    expect(await members(ann, 'room:1')).toEqual(['ann', 'bob'])
    await expect.poll(() => members(bob, 'room:1')).toEqual(['ann', 'bob'])
    const described = await (await two.api('GET', '/v1/channels/room:1')).json()
    expect(described).toMatchObject({ subscribers: { local: 1, cluster: 2 } })
    expect((described as { presence: string[] }).presence.toSorted()).toEqual(['ann', 'bob'])
    bob.cut()
    expect(await ann.find(({ type, user }) => type === 'leave' && user === 'bob')).toMatchObject({
      channel: 'room:1',
    })
    expect(await members(ann, 'room:1')).toEqual(['ann'])
    ann.cut()
  })

  it('does not tell of who comes back at once, on whatever node', async () => {
    const ann = await enter(one, 'ann', 'room:2')
    const bob = await enter(two, 'bob', 'room:2')
    await ann.find(({ type, user }) => type === 'join' && user === 'bob')
    bob.cut()
    const again = await enter(one, 'bob', 'room:2')
    const carl = await enter(two, 'carl', 'room:2')
    await ann.find(({ type, user }) => type === 'join' && user === 'carl')
    expect(ann.frames.filter(({ type, user }) => type === 'leave' && user === 'bob')).toEqual([])
    for (const client of [ann, again, carl]) client.cut()
  })

  it('what a user says of himself goes with him to another node, and nobody is told anything of that', async () => {
    const ann = await enter(one, 'ann', 'room:4')
    const connect = async (node: StartedNode, more: object): Promise<RawClient> =>
      (
        await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
          token: await node.token('bob'),
          ...more,
        })
      ).client
    const bob = await connect(two, {})
    const { epoch, offset, at } = await bob.request({
      ...{ type: 'subscribe', ref: 1, channel: 'room:4', enter: { data: { desk: 4 } } },
    })
    const join = await ann.find(({ type, user }) => type === 'join' && user === 'bob')
    expect(join).toMatchObject({ data: { desk: 4 }, count: 2 })
    bob.cut()
    const resume = { 'room:4': { epoch, offset } }
    const again = await connect(one, { resume, enter: { 'room:4': { data: { desk: 4 }, at } } })
    expect(
      await again.request({ type: 'enter', ref: 2, channel: 'room:4', data: { desk: 5 } }),
    ).toHaveProperty('at')
    await ann.find(({ type, user }) => type === 'update' && user === 'bob')
    const carl = await enter(two, 'carl', 'room:4')
    await ann.find(({ type, user }) => type === 'join' && user === 'carl')
    const ofBob = ann.frames.filter(({ user }) => user === 'bob')
    expect(ofBob.map(({ type, data }) => [type, data])).toEqual([
      ['join', { desk: 4 }],
      ['update', { desk: 5 }],
    ])
    // Also at a node that nobody has asked before.
    const third = await cluster.join()
    const described = await (await third.api('GET', '/v1/channels/room:4')).json()
    expect(described).toMatchObject({ presenceData: { bob: { desk: 5 } } })
    await third.close()
    for (const client of [ann, again, carl]) client.cut()
  })

  it('is refused where the namespace does not keep it, and where the token does not allow the channel', async () => {
    const { client } = await RawClient.connect(`ws://127.0.0.1:${one.port}/v1/ws`, {
      token: await one.token('eve', { subscribe: ['news:*'] }),
    })
    expect(await client.request({ type: 'presence', ref: 1, channel: 'news:1' })).toMatchObject({
      code: 'bad_request',
    })
    expect(await client.request({ type: 'presence', ref: 2, channel: 'room:1' })).toMatchObject({
      code: 'forbidden',
    })
    client.cut()
  })

  it('forgets those of a node that has stopped', async () => {
    const third = await cluster.join()
    const ann = await enter(one, 'ann', 'room:3')
    await enter(third, 'zoe', 'room:3')
    await ann.find(({ type, user }) => type === 'join' && user === 'zoe')
    await third.close()
    await ann.find(({ type, user }) => type === 'leave' && user === 'zoe')
    expect(await members(ann, 'room:3')).toEqual(['ann'])
    ann.cut()
  })
})
