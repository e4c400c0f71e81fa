import { afterAll, beforeAll, expect, it } from 'vitest'
import { RawClient } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

let cluster: StartedCluster
let node: StartedNode
beforeAll(async () => {
  cluster = await startCluster(1, { namespaces: { room: { presence: true } } })
  node = cluster.nodes[0] as StartedNode
})
afterAll(() => cluster.close())

it('whatever a reader makes up leaves nothing in Redis that lives for longer than two minutes', async () => {
  const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
    token: await node.token('reader'),
  })
  for (let i = 0; i < 50; i++) {
    await client.request({ type: 'subscribe', ref: 2 * i, channel: `made-up:${i}` })
    await client.request({ type: 'subscribe', ref: 2 * i + 1, channel: `room:${i}` })
  }
  const life = (key: string): number => Number(cluster.redis.command('--raw', 'pttl', key))
  // Presence is written a moment after.
  await expect.poll(() => life('sluice:presence:{room:49}')).toBeGreaterThan(0)
  client.cut()
  await expect.poll(() => node.metric('sluice_sessions')).toBe(0)
  const keys = cluster.redis.command('--raw', 'keys', '*').trim().split('\n')
  expect(keys.filter((key) => key.startsWith('sluice:pos:')).length).toBe(101)
  const long = keys.filter((key) => life(key) > 120_000 || life(key) === -1)
  // The session can be resumed for `sessions.ttl`; of versions there are as many as were deployed.
  // The mark tells whether Redis has come back with what it had.
  expect(long.toSorted()).toEqual(['sluice:mark', 'sluice:nodes', 'sluice:user:{@reader}', 'sluice:versions'])
  expect(life('sluice:user:{@reader}')).toBeLessThanOrEqual(300_000)
})
