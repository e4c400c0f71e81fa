import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RedisScript } from '../../../src/drivers/redis-port.ts'
import { openRedis } from '../../support/redis-links.ts'
import { RedisCluster, RedisServer } from '../../support/redis-server.ts'
import { patientMs } from '../../support/patience.ts'

let server: RedisServer
let cluster: RedisCluster

beforeAll(async () => {
  ;[server, cluster] = await Promise.all([RedisServer.start(), RedisCluster.start()])
})
afterAll(() => Promise.all([server.stop(), cluster.stop()]))

it.each(['a server', 'a cluster'])(
  'a call of %s whose answer has come does not fail because this process was held up meanwhile',
  async (kind) => {
    const hotTimeoutMs = patientMs(200)
    const link = await openRedis(kind === 'a cluster' ? cluster.urls : [server.url], { hotTimeoutMs })
    const ask = (): Promise<unknown>[] =>
      Array.from({ length: 20 }, (_, index) => link.hashOf('hot', `key-${index}`))
    // Connections to the servers of a cluster are opened when they are needed.
    await Promise.all(ask())
    const answers = ask()
    // What was sent leaves in this turn.
    await new Promise((resolve) => setImmediate(resolve))
    const untilMs = performance.now() + 2 * hotTimeoutMs
    while (performance.now() < untilMs);
    expect(await Promise.all(answers)).toEqual(answers.map(() => ({})))
    link.close()
  },
)

it('what is asked in a turn comes behind what is sent at its end, and fails with it where the link is closed', async () => {
  const link = await openRedis([server.url], {})
  const set: RedisScript = {
    name: 'set_field',
    lua: "return redis.call('HSET', KEYS[1], 'f', ARGV[1])",
    keyCount: 1,
  }
  link.define(set)
  const outcomes: Promise<unknown>[] = []
  link.atTurnsEnd(() => outcomes.push(link.run('hot', set, ['ordered', 'first'])))
  const seen = link.hashOf('hot', 'ordered')
  link.atTurnsEnd(() => outcomes.push(link.run('hot', set, ['ordered', 'second'])))
  const later = link.hashOf('hot', 'ordered')
  expect(await seen).toEqual({ f: 'first' })
  expect(await later).toEqual({ f: 'second' })
  await Promise.all(outcomes)
  link.atTurnsEnd(() => outcomes.push(link.run('hot', set, ['ordered', 'third'])))
  const cut = link.hashOf('hot', 'ordered')
  link.close()
  await expect(cut).rejects.toMatchObject({ code: 'unavailable' })
  await expect(outcomes.at(-1)).rejects.toMatchObject({ code: 'unavailable' })
})

it('a call that nobody answers fails in its time', async () => {
  const link = await openRedis([server.url], { hotTimeoutMs: 100 })
  server.pause()
  await expect(link.hashOf('hot', 'key')).rejects.toThrow('Redis cannot be reached now')
  server.resume()
  link.close()
})
