import { afterEach, describe, expect, it } from 'vitest'
import { GatewayProcess, tokenOf } from '../support/gateway-process.ts'
import { openNats } from '../support/nats-links.ts'
import { NatsServer } from '../support/nats-server.ts'
import { RedisSentinels } from '../support/redis-sentinels.ts'
import { RedisServer } from '../support/redis-server.ts'
import { freePorts, temporaryDirectory } from '../support/server-process.ts'
import type { ConfigInput } from '../../src/config/schema.ts'

/** What a node says where its surroundings are not what they should be: operators have nothing else to go by. */

let ends: (() => Promise<unknown> | void)[] = []

afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  ends = []
})

async function started(settings: ConfigInput): Promise<GatewayProcess> {
  const directory = temporaryDirectory('log-lines')
  const [port, apiPort] = (await freePorts(2)) as [number, number]
  const node = new GatewayProcess([port, apiPort], directory.path, settings)
  ends.push(
    () => directory.remove(),
    () => node.kill(),
  )
  await node.start()
  return node
}

interface Line extends Readonly<Record<string, unknown>> {
  readonly level: string
  readonly msg: string
}

const linesOf = (node: GatewayProcess, part: string): Line[] =>
  node.output
    .split('\n')
    .filter((line) => line.includes(part))
    .map((line) => JSON.parse(line) as Line)

async function natsServer(): Promise<NatsServer> {
  const nats = await NatsServer.start()
  ends.push(() => nats.stop())
  return nats
}

describe('a node whose Redis is behind Sentinels', () => {
  it('warns at the start where the primary takes writes alone, or does not tell, and only then', async () => {
    const nats = await natsServer()
    const redis = await RedisSentinels.start(5_000, ['gateway'])
    ends.push(() => redis.stop())
    const node = await started({
      nats: { url: [nats.url] },
      redis: { url: [...redis.urls], sentinel: { user: 'gateway', password: 'any' } },
    })
    const advice = 'min-replicas-to-write 1'
    expect(linesOf(node, advice)).toMatchObject([
      { level: 'warn', msg: expect.stringContaining('takes writes that no replica has') as string },
    ])
    await node.kill()
    redis.primary.command('config', 'set', 'min-replicas-to-write', '1')
    await node.start()
    expect(linesOf(node, advice)).toEqual([])
    await node.kill()
    redis.primary.command('acl', 'setuser', 'default', '-config')
    await node.start()
    expect(linesOf(node, advice)).toMatchObject([
      { level: 'warn', msg: expect.stringContaining('does not tell whether it takes writes') as string },
    ])
  })
})

describe('a node that hears over NATS what no node has said', () => {
  it('says so, with the subject, and once for a flood of it', async () => {
    const nats = await natsServer()
    const redis = await RedisServer.start()
    ends.push(() => redis.stop())
    const node = await started({ nats: { url: [nats.url] }, redis: { url: [redis.url] } })
    const insider = await openNats(nats.url)
    ends.push(() => insider.close())
    const refused = 'something came over NATS that no node of this cluster has sent'
    expect(linesOf(node, refused)).toEqual([])
    const flood = 500
    for (let i = 0; i < flood; i++)
      insider.publish('sluice.all', Buffer.from('{"kind":"revoke","user":"ann"}'))
    await expect.poll(() => node.metric('sluice_packet_refusals_total{why="bare"}')).toBe(flood)
    await expect.poll(() => linesOf(node, refused).length).toBeGreaterThan(0)
    const [first, ...more] = linesOf(node, refused)
    expect(first).toMatchObject({ level: 'warn', subject: 'sluice.all' })
    expect(first?.msg).toContain('(bare)')
    // Who has sent it nobody can say, and what it said is not for the log.
    expect(first).not.toHaveProperty('from')
    expect(node.output).not.toContain('revoke')
    expect(more.length).toBeLessThan(flood / 10)
  })
})

describe('a node behind a proxy that it was not told of', () => {
  it('says so when all its clients come from one address too fast, and not of those that use none', async () => {
    const node = await started({ admission: { perAddressPerSecond: 1, perAddressBurst: 1 } })
    const untrusted = 'sends X-Forwarded-For and is not in trustedProxies'
    const token = await tokenOf('ann')
    const refusedOnce = async (headers: Record<string, string>): Promise<void> => {
      const url = `http://127.0.0.1:${node.port}/v1/poll?channels=a&wait=0&token=${token}`
      const ask = async (): Promise<number> => (await fetch(url, { headers })).status
      const many = (): Promise<number[]> => Promise.all(Array.from({ length: 50 }, ask))
      await expect.poll(many).toContain(429)
    }
    await refusedOnce({})
    expect(linesOf(node, untrusted)).toEqual([])
    await refusedOnce({ 'x-forwarded-for': '203.0.113.7' })
    await expect.poll(() => linesOf(node, untrusted)).toMatchObject([{ level: 'warn', address: '127.0.0.1' }])
  })
})
