import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ClientError } from '../../src/client/index.ts'
import { createClient } from '../../src/client/node.ts'
import { RedisReplayLog } from '../../src/replay/redis.ts'
import { openRedis } from '../support/redis-links.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** A log that holds what no door takes today: written by an older version, or by somebody with access to Redis. */

const POLICY = { ttlMs: 600_000, max: 1000, idempotencyMs: 120_000 }
const POISON = ['{"a":', 'nope', '1}\n\nevent: message\ndata: {"forged":true}\n\n', Buffer.from([0x22, 0xff])]

let cluster: StartedCluster
let node: StartedNode
let close: () => void
let log: RedisReplayLog

beforeAll(async () => {
  cluster = await startCluster(1)
  node = cluster.nodes[0] as StartedNode
  const link = await openRedis([cluster.redis.url])
  log = new RedisReplayLog(link)
  close = () => link.close()
})
afterAll(async () => {
  close()
  await cluster.close()
})

describe('a message in the log that nobody can read', () => {
  it('is told of with its place, and the client goes on behind it', async () => {
    const from = await log.head('news:1')
    const bad: number[] = []
    for (const [n, poison] of POISON.entries()) {
      await node.publish({ channel: 'news:1', data: n })
      const message = { binary: false, id: undefined, time: 1, data: Buffer.from(poison as string) }
      bad.push((await log.append('news:1', message, POLICY)).offset)
    }
    const client = createClient({
      url: `ws://127.0.0.1:${node.port}/v1/ws`,
      token: () => node.token('ann'),
      backoff: { baseMs: 20, maxMs: 50 },
    })
    const errors: ClientError[] = []
    const states: string[] = []
    const seen: unknown[] = []
    client.on('error', (error) => errors.push(error))
    client.on('state', ({ state }) => states.push(state))
    const subscription = client.subscribe('news:1', ({ data }) => void seen.push(data), {
      from: { epoch: from.epoch, offset: from.offset },
    })
    await client.connect()
    await expect.poll(() => subscription.position?.offset).toBe(bad.at(-1))
    await node.publish({ channel: 'news:1', data: 'live' })
    await expect.poll(() => seen).toEqual([0, 1, 2, 3, 'live'])
    expect(errors.map(({ code, channel, offset }) => [code, channel, offset])).toEqual(
      bad.map((offset) => ['unreadable', 'news:1', offset]),
    )
    expect(states).toEqual(['connecting', 'connected'])
    client.close()
  })
})
