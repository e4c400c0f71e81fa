import { afterAll, beforeAll, expect, it } from 'vitest'
import { EventStream } from '../support/event-stream.ts'
import { RawClient } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { ResetFrame } from '../../src/dialect/sluice-v1/frames.ts'

/** Redis comes back without its data under clients of all transports on one channel. */

const WEBSOCKETS = 60
const STREAMS = 12
const SPREAD_MS = 10_000

interface Polled {
  readonly resets: readonly ResetFrame[]
  readonly cursor: string
}

let cluster: StartedCluster

beforeAll(async () => {
  cluster = await startCluster(1, { feeds: { headCheck: '1s' } })
})
afterAll(() => cluster.close())

it('everybody is told a moment of his own within the spread, behind what he had and before what follows', async () => {
  const [node] = cluster.nodes
  if (node === undefined) throw new Error('there is no node')
  const base = `http://127.0.0.1:${node.port}`
  const sockets = await Promise.all(
    Array.from({ length: WEBSOCKETS }, async (_, i) => {
      const token = await node.token(`socket-${i}`)
      const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token })
      await client.request({ type: 'subscribe', ref: 1, channel: 'news' })
      return client
    }),
  )
  const streams = await Promise.all(
    Array.from({ length: STREAMS }, async (_, i) => {
      const token = await node.token(`stream-${i}`)
      const stream = await EventStream.open(`${base}/v1/sse?channels=news&token=${token}`)
      await stream.next('welcome')
      return stream
    }),
  )
  const pollToken = await node.token('poller')
  const first = (await (await fetch(`${base}/v1/poll?channels=news&wait=0&token=${pollToken}`)).json()) as {
    cursor: string
  }
  await node.publish({ channel: 'news', data: 'before' })
  for (const socket of sockets) await socket.find(({ data }) => data === 'before')
  for (const stream of streams) await stream.next('message')
  const caughtUp = (await (
    await fetch(`${base}/v1/poll?channels=news&wait=20&token=${pollToken}&cursor=${first.cursor}`)
  ).json()) as { cursor: string }
  const polling = fetch(`${base}/v1/poll?channels=news&wait=60&token=${pollToken}&cursor=${caughtUp.cursor}`)

  await expect.poll(() => node.metric('sluice_connections{transport="poll"}')).toBe(1)

  await cluster.redis.restart()
  const resets: ResetFrame[] = []
  for (const socket of sockets)
    resets.push(
      (await socket.find(
        ({ type, channel }) => type === 'reset' && channel === 'news',
      )) as unknown as ResetFrame,
    )
  for (const stream of streams) {
    // The inbox is lost as well.
    const both = [await stream.next('reset'), await stream.next('reset')].map(
      ({ data }) => data as unknown as ResetFrame,
    )
    resets.push(...both.filter(({ channel }) => channel === 'news'))
  }
  // The inbox is lost as well, and may be what ends the poll: the next one tells of the rest.
  let polled: readonly ResetFrame[] = []
  let { cursor } = caughtUp
  for (let answer = await polling; ;) {
    // While Redis is away it is refused, and comes again as it was.
    if (answer.ok) ({ resets: polled, cursor } = (await answer.json()) as Polled)
    if (polled.some(({ channel }) => channel === 'news')) break
    answer = await fetch(`${base}/v1/poll?channels=news&wait=60&token=${pollToken}&cursor=${cursor}`)
  }
  resets.push(...polled.filter(({ channel }) => channel === 'news'))

  const delays = resets.map(({ delay }) => delay ?? -1)
  expect(delays).toHaveLength(WEBSOCKETS + STREAMS + 1)
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...delays)).toBeLessThan(SPREAD_MS)
  for (const half of [delays.filter((ms) => ms < SPREAD_MS / 2), delays.filter((ms) => ms >= SPREAD_MS / 2)])
    expect(half.length).toBeGreaterThan(delays.length / 5)

  await node.publish({ channel: 'news', data: 'after' })
  for (const socket of sockets) await socket.find(({ data }) => data === 'after')
  for (const stream of streams) expect((await stream.next('message')).data).toMatchObject({ data: 'after' })

  // Who was away for the loss is one of many.
  const late = await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const token = await node.token(`late-${i}`)
      const resume = { news: { epoch: 'ffff', offset: 3 } }
      return (await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token, resume })).client
    }),
  )
  const lateDelays = await Promise.all(
    late.map(async (client) => (await client.next('reset'))['delay'] as number),
  )
  expect(new Set(lateDelays).size).toBeGreaterThan(4)

  for (const socket of [...sockets, ...late]) socket.cut()
  for (const stream of streams) stream.close()
})
