import { afterEach, describe, expect, it } from 'vitest'
import { RawClient } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** A revocation and a disconnection reach nodes that nobody can tell of it. */

let cluster: StartedCluster | undefined
const clients: RawClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.cut()
  await cluster?.close()
})

async function connect(node: StartedNode, user: string): Promise<RawClient> {
  const token = await node.token(user, { issuedSecondsAgo: 60 })
  const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token })
  clients.push(client)
  return client
}

async function order(node: StartedNode, method: string, path: string): Promise<unknown> {
  const answer = await node.api(method, path)
  expect(answer.status).toBe(200)
  return answer.json()
}

describe('nodes that can neither use NATS nor link', () => {
  it('find in the registry who was revoked or disconnected, and who gave the order is told that it may take a while', async () => {
    // Nodes that do not share the secret link with nobody.
    cluster = await startCluster(1)
    const one = cluster.nodes[0] as StartedNode
    const two = await cluster.join({ node: { clusterSecret: 'another-secret-than-that-of-the-first-node' } })
    const [ann, bob, eve] = [await connect(two, 'ann'), await connect(two, 'bob'), await connect(two, 'eve')]
    await cluster.nats.kill()
    for (const node of [one, two])
      await expect.poll(() => node.metric('sluice_part_up{part="backbone"}')).toBe(0)

    expect(await order(one, 'POST', '/v1/users/ann/revoke')).toMatchObject({ user: 'ann', degraded: true })
    expect(await ann.closed).toMatchObject({ code: 4401 })
    expect(await order(one, 'DELETE', '/v1/users/bob/sessions')).toEqual({ disconnected: 1, degraded: true })
    expect(await bob.closed).toMatchObject({ code: 4403 })

    // He is meant as he was then, not as he comes back.
    const back = await connect(two, 'bob')
    const orders = await two.metric('sluice_registry_ops_total{op="orders",result="ok"}')
    await expect
      .poll(() => two.metric('sluice_registry_ops_total{op="orders",result="ok"}'))
      .toBeGreaterThan(orders + 1)
    expect([back.isOpen, eve.isOpen]).toEqual([true, true])
  })

  it('are told at once where they hear, and the answer says nothing of a while', async () => {
    cluster = await startCluster(2)
    const [one, two] = cluster.nodes as [StartedNode, StartedNode]
    const [ann, bob] = [await connect(two, 'ann'), await connect(two, 'bob')]
    expect(await order(one, 'POST', '/v1/users/ann/revoke')).toEqual({
      user: 'ann',
      before: expect.any(Number),
    })
    expect(await order(one, 'DELETE', '/v1/users/bob/sessions')).toEqual({ disconnected: 1 })
    expect(await ann.closed).toMatchObject({ code: 4401 })
    expect(await bob.closed).toMatchObject({ code: 4403 })
  })
})
