import { Transform } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { NatsLink } from '../../src/drivers/nats.ts'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** A node that alone is sick takes no requests that others could serve. */

const WAIT = { interval: 100 }
/** Each of two nodes gets about half of them. */
const REQUESTS = 60

let ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  ends = []
})

const door = (node: StartedNode): Promise<number> => node.metric('sluice_nats_door')
const served = (node: StartedNode): Promise<number> =>
  node.metric('sluice_published_total{door="nats",delivery="replay"}')
const refused = (node: StartedNode): Promise<number> =>
  node.metric('sluice_publish_errors_total{code="unavailable"}')

/** Answers nothing any more to what it is asked, and keeps the connections. */
class Hang {
  hangs = false

  readonly answers = (): Transform => {
    const isHanging = (): boolean => this.hangs
    return new Transform({
      transform(chunk, _encoding, done) {
        done(null, isHanging() ? undefined : chunk)
      },
    })
  }
}

interface Sick {
  readonly cluster: StartedCluster
  readonly well: StartedNode
  readonly sick: StartedNode
  readonly proxy: CuttingProxy
  readonly hang: Hang
  readonly publish: () => Promise<Record<string, unknown>>
}

async function start(): Promise<Sick> {
  const cluster = await startCluster(1)
  ends.push(() => cluster.close())
  const hang = new Hang()
  const proxy = new CuttingProxy(cluster.redis.port, hang.answers)
  await proxy.listen()
  ends.push(() => proxy.close())
  const sick = await cluster.join({ redis: { url: [`redis://127.0.0.1:${proxy.port}`] } })
  ends.push(() => sick.close())
  const backend = new NatsLink({ urls: [cluster.nats.url], name: 'backend' })
  ends.push(() => backend.close())
  backend.start()
  await backend.flush()
  const publish = async (): Promise<Record<string, unknown>> => {
    const answer = await backend.request('sluice.publish.news', Buffer.from('1'), 20_000)
    return JSON.parse(answer.data.toString()) as Record<string, unknown>
  }
  return { cluster, well: cluster.nodes[0] as StartedNode, sick, proxy, hang, publish }
}

describe('a node that alone is cut off from Redis', () => {
  it.each([
    ['is refused by it', ({ proxy }: Sick) => ((proxy.refusing = true), proxy.cut(1))],
    ['gets no answer from it', ({ hang }: Sick) => (hang.hangs = true)],
  ])(
    'and %s leaves the requests over NATS to the others, answers what it has got, and takes them again later',
    async (_how, cut) => {
      const world = await start()
      const { well, sick, proxy, hang, publish } = world
      await expect.poll(async () => [await door(well), await door(sick)], WAIT).toEqual([1, 1])
      const spread = async (): Promise<boolean> => {
        await publish()
        return (await served(sick)) > 0 && (await served(well)) > 0
      }
      await expect.poll(spread, WAIT).toBe(true)

      cut(world)
      // Each is answered, though perhaps with the reason why it was not carried out.
      const during = await Promise.all(Array.from({ length: REQUESTS }, publish))
      for (const answer of during) {
        if ('error' in answer) expect(answer).toMatchObject({ error: { code: 'unavailable' } })
        else expect(answer).toHaveProperty('offset')
      }
      await expect.poll(() => door(sick), WAIT).toBe(0)
      const before = await refused(sick)
      const after = await Promise.all(Array.from({ length: REQUESTS }, publish))
      for (const answer of after) expect(answer).not.toHaveProperty('error')
      expect(await refused(sick)).toBe(before)
      expect(await door(well)).toBe(1)

      proxy.refusing = hang.hangs = false
      await expect.poll(() => door(sick), WAIT).toBe(1)
      const again = await served(sick)
      const takes = async (): Promise<boolean> => {
        expect(await publish()).not.toHaveProperty('error')
        return (await served(sick)) > again
      }
      await expect.poll(takes, WAIT).toBe(true)
    },
  )
})

describe('nodes that are all without Redis', () => {
  it('go on answering, so that a backend is told why', async () => {
    const { cluster, well, sick, publish } = await start()
    await cluster.redis.kill()
    const why = { error: { code: 'unavailable', message: expect.stringContaining('Redis') as string } }
    const isTold = async (): Promise<unknown> => publish().catch(() => undefined)
    await expect.poll(isTold, WAIT).toMatchObject(why)
    // Also where one of them had left the group before the other noticed.
    const doors = async (): Promise<number[]> => [await door(well), await door(sick)]
    await expect.poll(doors, WAIT).toEqual([1, 1])
    for (let i = 0; i < 5; i++) expect(await publish()).toMatchObject(why)
    await cluster.redis.restart()
    await expect.poll(publish, WAIT).toHaveProperty('offset')
  })
})
