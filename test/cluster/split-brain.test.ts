import { afterEach, describe, expect, it } from 'vitest'
import { NatsServer } from '../support/nats-server.ts'
import { RawClient } from '../support/raw-client.ts'
import { openRedis } from '../support/redis-links.ts'
import { RedisSentinels } from '../support/redis-sentinels.ts'
import { CLUSTER_SECRET } from '../support/start-cluster.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** Two primaries of Redis for a while, and a node that cannot hear that its own is none any more. */

const WAIT = { interval: 100 }
const CHANNEL = 'news'

let ends: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  ends = []
})

async function sentinels(downAfterMs: number, users: readonly string[]): Promise<RedisSentinels> {
  const redis = await RedisSentinels.start(downAfterMs, users)
  ends.push(() => redis.stop())
  return redis
}

async function nodeAt(redis: RedisSentinels, nats: NatsServer, user: string): Promise<StartedNode> {
  const node = await startNode({
    nats: { url: [nats.url] },
    redis: { url: redis.urls, sentinel: { user, password: 'any' } },
    node: { clusterSecret: CLUSTER_SECRET },
    cluster: { heartbeat: '200ms', nodeTtl: '1500ms', canary: '200ms' },
  })
  ends.push(() => node.close())
  return node
}

async function subscriberAt(
  node: StartedNode,
  channel = CHANNEL,
): Promise<{ client: RawClient; resets(): number; got(): unknown[] }> {
  const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
    token: await node.token('ann'),
  })
  await client.request({ type: 'subscribe', ref: 1, channel })
  ends.push(() => client.socket.terminate())
  const of = (type: string) => client.frames.filter((frame) => frame.type === type)
  return { client, resets: () => of('reset').length, got: () => of('message').map(({ data }) => data) }
}

async function publish(
  node: StartedNode,
  data: string,
  channel = CHANNEL,
): Promise<{ status: number; text: string }> {
  const answer = await node.api('POST', '/v1/publish', { channel, data, id: data })
  return { status: answer.status, text: await answer.text() }
}

describe('a primary and one node are cut off from the Sentinels, while the nodes hear each other', () => {
  it('the node stops confirming messages in time, and whoever has not got those that it did is told by a reset', async () => {
    const redis = await sentinels(8_000, ['g1', 'g2'])
    const nats = await NatsServer.start()
    ends.push(() => nats.stop())
    const [cut, well] = [await nodeAt(redis, nats, 'g1'), await nodeAt(redis, nats, 'g2')]
    // One that both servers have. Of the other one the replica has nothing, so nobody asks the former primary about it.
    const calm = await subscriberAt(well, 'copied')
    const copied = await publish(cut, 'both', 'copied')
    await expect.poll(() => redis.replica.command('exists', 'sluice:pos:{copied}').trim(), WAIT).toBe('1')
    redis.stopReplicating()
    const [atCut, atWell] = [await subscriberAt(cut), await subscriberAt(well)]
    expect(await publish(cut, 'before')).toMatchObject({ status: 200 })
    await expect.poll(() => [atCut.got(), atWell.got()], WAIT).toEqual([['before'], ['before']])

    redis.cutPrimaryFromSentinels()
    redis.cutFromSentinels('g1')
    await redis.failover()
    await expect.poll(async () => (await publish(well, 'elsewhere')).status, WAIT).toBe(200)
    await expect.poll(() => atWell.resets(), WAIT).toBeGreaterThan(0)

    const epochOf = ({ text }: { text: string }): string | undefined => /"epoch":"(\w+)"/.exec(text)?.[1]
    // The one before may be asked for a moment, and answer late.
    const wentOn = async (): Promise<string | undefined> => epochOf(await publish(well, 'wentOn', 'copied'))
    await expect.poll(wentOn, WAIT).toBeDefined()
    expect(await wentOn()).toBe(epochOf(copied))
    await expect.poll(() => calm.got(), WAIT).toEqual(['both', 'wentOn'])
    expect(calm.resets()).toBe(0)
    expect((await publish(cut, 'given up', 'copied')).status).toBe(503)
    // For as long as the last word of the Sentinels holds, it confirms what is lost, and so everybody is told. On a busy machine
    // that may be over by now.
    const told = atWell.resets()
    if ((await publish(cut, 'lost')).status === 200)
      await expect.poll(() => atWell.resets(), WAIT).toBeGreaterThan(told)

    await expect.poll(async () => (await publish(cut, 'refused')).status, WAIT).toBe(503)
    expect((await publish(cut, 'refused')).text).toContain('Sentinels')
    expect(redis.primary.command('info', 'replication')).toContain('role:master')
    const health = async (): Promise<string> => (await cut.api('GET', '/healthz/deep')).text()
    await expect.poll(health, WAIT).toContain('log does not answer')
    expect((await publish(well, 'during')).status).toBe(200)

    redis.healFromSentinels('g1')
    await expect.poll(async () => (await publish(cut, 'after')).status, WAIT).toBe(200)
    // A reset may have covered that one: further ones come, until both have the same one as a message.
    let last = 0
    const together = async (): Promise<boolean> => {
      const data = `after ${++last}`
      await publish(cut, data)
      return [atCut, atWell].every((one) => one.got().includes(`after ${last - 1}`))
    }
    await expect.poll(together, WAIT).toBe(true)
    expect(atCut.resets()).toBeGreaterThan(0)
  })
})

describe('a link that no majority of the Sentinels answers', () => {
  it('refuses reads and writes with the reason, says so once, and is used again when one does', async () => {
    const redis = await sentinels(500, ['g1'])
    const link = await openRedis(redis.urls, { sentinel: { user: 'g1', password: 'any', tls: false } })
    ends.push(() => link.close())
    expect(await link.replicasToWrite()).toBe(0)
    redis.primary.command('config', 'set', 'min-replicas-to-write', '1')
    expect(await link.replicasToWrite()).toBe(1)
    redis.primary.command('acl', 'setuser', 'default', '-config')
    expect(await link.replicasToWrite()).toBe('untold')
    const events: string[] = []
    link.watch({ connected: () => events.push('connected'), disconnected: (reason) => events.push(reason) })

    // One of three is not needed.
    redis.cutFromSentinels('g1', 1)
    expect(await link.hashOf('hot', 'any')).toEqual({})
    redis.cutFromSentinels('g1', 2)
    await expect.poll(() => link.healthy(), WAIT).toBe(false)
    for (const lane of ['hot', 'bulk'] as const) {
      await expect(link.hashOf(lane, 'any')).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('no majority of its Sentinels') as string,
      })
    }
    // It is told a moment after it is so.
    await expect
      .poll(() => events, WAIT)
      .toEqual([expect.stringContaining('of 3 Sentinels have confirmed it')])
    redis.healFromSentinels('g1')
    await expect.poll(() => link.healthy(), WAIT).toBe(true)
    await expect.poll(() => link.hashOf('bulk', 'any').catch(() => undefined), WAIT).toEqual({})
    await expect.poll(() => events.slice(1), WAIT).toEqual(['connected'])
  })
})
