import { afterEach, describe, expect, it } from 'vitest'
import { Fleet, type FleetNode, type FleetOptions } from '../support/fleet.ts'
import { RawClient } from '../support/raw-client.ts'
import { Traffic } from '../support/traffic.ts'
import { comesTo } from '../support/patience.ts'

/**
 * Three nodes, six hundred clients of all transports, fifty channels, publishers over HTTP and NATS, all running while
 * one part fails. What was published and what each client was shown is counted to the last message.
 */

const CHANNELS = Array.from({ length: 50 }, (_, index) => `room:${index}`)
const CLIENTS = 600
const PER_SECOND = 60
/** Before, during and after the failure, traffic runs for so long. */
const CALM_MS = 1000
/** As many large messages as no buffer on the way to a client holds. */
const HEAVY = 600

let fleet: Fleet | undefined
let traffic: Traffic | undefined

afterEach(async () => {
  await traffic?.close()
  await fleet?.close()
  traffic = fleet = undefined
})

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

interface Expected {
  /** Who is told to fetch his state anew. */
  readonly resets: 'none' | 'everybody'
}

/** Runs the traffic, lets something fail in the middle of it, and counts once all is calm again. */
async function badDay(
  name: string,
  { resets }: Expected,
  fail: (fleet: Fleet) => Promise<void>,
  options: Partial<FleetOptions> = {},
): Promise<void> {
  // Long enough for whoever is away while one channel is flooded.
  fleet = await Fleet.start({ nodes: 3, settings: { namespaces: { '*': { max: 10_000 } } }, ...options })
  traffic = await Traffic.start(fleet, { clients: CLIENTS, channels: CHANNELS, perSecond: PER_SECOND })
  await pause(CALM_MS)
  await fail(fleet)
  await pause(CALM_MS)
  await traffic.stopPublishing()
  const { current } = { current: traffic }
  await comesTo(() => current.missing, 0)
  const tally = traffic.tally()
  console.log(name, { clients: CLIENTS, retries: traffic.retries, degraded: traffic.degraded, ...tally })
  expect(tally.published).toBeGreaterThan(100)
  expect({ lost: tally.lost, twice: tally.twice, outOfOrder: tally.outOfOrder }).toEqual({
    lost: 0,
    twice: 0,
    outOfOrder: 0,
  })
  if (resets === 'none') expect(tally.resets).toBe(0)
  if (resets === 'everybody') expect(tally.resets).toBeGreaterThanOrEqual(CLIENTS)
}

describe('a bad day', () => {
  it('a node is killed: its clients resume on the others, nothing is lost', async () => {
    await badDay('kill -9 a node', { resets: 'none' }, async ({ nodes }) => {
      await nodes[0]?.kill()
      await pause(4000)
    })
  })

  it('NATS stops and starts: publishes go on, messages arrive by mesh or by repair', async () => {
    await badDay('stop and start NATS', { resets: 'none' }, async ({ nats }) => {
      await nats.kill()
      await pause(4000)
      await nats.restart()
      await pause(2000)
    })
  })

  it('one node is cut off NATS: the mesh carries for it', async () => {
    const cut = async ({ nodes }: Fleet): Promise<void> => {
      const proxy = nodes[0]?.natsProxy
      if (proxy === undefined) throw new Error('there is a first node, and what can be cut')
      proxy.refusing = true
      proxy.cut(1)
      await pause(4000)
      proxy.refusing = false
      await pause(2000)
    }
    await badDay('cut one node off NATS', { resets: 'none' }, cut, { cuttable: true })
  })

  it('Redis stops and starts with its data, and proves that it has all of it: nobody is told', async () => {
    await badDay(
      'stop and start Redis with its data',
      { resets: 'none' },
      async ({ redis }) => {
        await redis.restart()
        await pause(3000)
      },
      { redis: ['--appendonly', 'yes', '--appendfsync', 'always'] },
    )
  })

  it('Redis starts empty: every client is told to fetch its state anew', async () => {
    await badDay('restart Redis empty', { resets: 'everybody' }, async ({ redis }) => {
      await redis.restart()
      await pause(3000)
    })
  })

  it('Redis hangs for five seconds: nothing is lost', async () => {
    await badDay('pause Redis', { resets: 'none' }, async ({ redis }) => {
      redis.pause()
      await pause(5000)
      redis.resume()
      await pause(1000)
    })
  })

  it('a reader stops: it gets everything once it reads again, and nobody else notices', async () => {
    await badDay('a reader that stops', { resets: 'none' }, async (running) => {
      const [node] = running.nodes as readonly [FleetNode]
      // Without the balancer, whose own buffers would read in the client's place.
      const url = `ws://127.0.0.1:${node.port}/v1/ws`
      const { client } = await RawClient.connect(url, { token: await running.token('sleeper') })
      await client.request({ type: 'subscribe', ref: 1, channel: 'heavy' })
      client.socket.pause()
      const text = 'x'.repeat(60_000)
      for (let first = 0; first < HEAVY; first += 20) {
        const batch = Array.from({ length: 20 }, (_, index) => first + index)
        await node.api(
          'POST',
          '/v1/publish',
          batch.map((number) => ({ channel: 'heavy', data: { number, text } })),
        )
      }
      await expect
        .poll(() => node.metric('sluice_slow_consumers_total{policy="catch-up"}'))
        .toBeGreaterThan(0)
      client.socket.resume()
      const numbers = (): unknown[] =>
        client.frames.flatMap((frame) =>
          frame.type === 'message' ? [(frame['data'] as { number: number }).number] : [],
        )
      await comesTo(() => numbers().length, HEAVY)
      expect(numbers()).toEqual(Array.from({ length: HEAVY }, (_, number) => number))
      client.cut()
    })
  })

  it('JetStream restarts: durable publishes wait, nothing that was accepted is lost', async () => {
    await badDay(
      'restart the server of JetStream',
      { resets: 'none' },
      async ({ nats }) => {
        await nats.kill()
        await pause(2000)
        await nats.restart()
        await pause(3000)
      },
      { settings: { namespaces: { room: { delivery: 'durable' } } } },
    )
  })

  it('two nodes publish to one channel as fast as they can: one order for everybody', async () => {
    await badDay('two publishers on one channel', { resets: 'none' }, async ({ nodes }) => {
      const running = traffic as Traffic
      await Promise.all(nodes.slice(0, 2).map((node) => running.flood(node, CHANNELS[0] as string, 1000)))
    })
  })

  it('one publish with one id reaches two nodes at once: it is published once', async () => {
    await badDay('a duplicate id', { resets: 'none' }, async ({ nodes }) => {
      for (let round = 0; round < 50; round++) {
        const answers = await Promise.all(
          nodes.map(async (node) => {
            const body = { channel: 'twins', data: round, id: `twin-${round}` }
            return (await node.api('POST', '/v1/publish', body)).json() as Promise<{
              offset: number
              duplicate?: true
            }>
          }),
        )
        expect(new Set(answers.map(({ offset }) => offset)).size).toBe(1)
        expect(answers.filter(({ duplicate }) => duplicate !== true).length).toBe(1)
      }
    })
  })
})
