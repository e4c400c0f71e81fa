import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EventStream } from '../support/event-stream.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'
import { TURNS_UNSERVED_MAX } from '../../src/cluster/steering.ts'
import type { DrainProgress } from '../../src/drain/drain.ts'
import { composeCursor, departureIn, departureSegment, tagOf } from '../../src/protocol/cursor.ts'

/** Streams and polls leave their session behind; the node that sent them away hears of them all the same. */

let cluster: StartedCluster
let old: StartedNode
let other: StartedNode

beforeAll(async () => {
  cluster = await startCluster(2, {
    drain: { plan: '1/100ms', deregisterDelay: '0ms', grace: '30s', linger: '1m' },
    heartbeat: { retryMin: '10s', retryMax: '20s' },
  })
  ;[old, other] = cluster.nodes as [StartedNode, StartedNode]
})
afterAll(() => cluster.close())

interface Answer {
  readonly messages: readonly object[]
  readonly cursor: string
}

async function stream(node: StartedNode, user: string, cursor?: string): Promise<EventStream> {
  const url = `http://127.0.0.1:${node.port}/v1/sse?channels=news&token=${await node.token(user)}`
  return EventStream.open(url, cursor === undefined ? {} : { 'last-event-id': cursor })
}

async function poll(
  node: StartedNode,
  user: string,
  cursor: string | undefined,
  wait: number,
): Promise<Answer> {
  const from = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`
  const url = `http://127.0.0.1:${node.port}/v1/poll?channels=news&wait=${wait}${from}`
  const response = await fetch(url, { headers: { authorization: `Bearer ${await node.token(user)}` } })
  expect(response.status).toBe(200)
  return (await response.json()) as Answer
}

async function firstEvent(node: StartedNode, user: string, cursor: string): Promise<string> {
  const one = await stream(node, user, cursor)
  const name = await one.next('closing').then(
    () => 'closing',
    () => 'another',
  )
  one.close()
  return name
}

async function drainOf(node: StartedNode, method = 'GET'): Promise<DrainProgress> {
  const response = await node.api(method, `/v1/nodes/${node.id}/drain`)
  return ((await response.json()) as { drain: DrainProgress }).drain
}

describe('a stream and a poll of a node that is drained', () => {
  it('are counted as moved where they come back, by their last cursor, and nobody else is', async () => {
    const streaming = await stream(old, 'ann')
    await streaming.next('welcome')
    const { cursor } = await poll(old, 'pat', undefined, 0)
    const polling = poll(old, 'pat', cursor, 100)
    await expect.poll(() => old.metric('sluice_connections{transport="poll"}')).toBe(1)
    await drainOf(old, 'POST')
    const { id = '' } = await streaming.next('closing')
    const answer = await polling
    expect(departureIn(id)).toMatchObject({ node: old.id, turns: 0 })
    expect(departureIn(answer.cursor)).toMatchObject({ node: old.id, turns: 0 })
    await expect.poll(() => drainOf(old)).toMatchObject({ told: 2, moved: 0, unseen: 2 })
    for (const data of [1, 2, 3]) await other.publish({ channel: 'news', data })

    // Somebody else, with the number of the first and of the second.
    for (const number of [1, 2]) {
      const forged = departureSegment({ node: old.id, number, turns: 0 })
      await poll(other, 'eve', composeCursor([], tagOf('eve'), forged), 0)
    }
    const back = await stream(other, 'ann', id)
    expect((await back.next('welcome')).data['channels']).toMatchObject({ news: { recovered: true } })
    for (const data of [1, 2, 3]) expect((await back.next('message')).data).toMatchObject({ data })
    expect((await poll(other, 'pat', answer.cursor, 0)).messages).toHaveLength(3)
    // Twice the same: a client that repeats its request.
    await poll(other, 'pat', answer.cursor, 0)

    await expect.poll(async () => (await drainOf(old)).state).toBe('gone')
    const { told, moved, resumed, unseen, replayed, overlapped, transports } = await drainOf(old)
    expect({ told, moved, resumed, unseen, replayed, overlapped }).toEqual({
      told: 2,
      moved: 2,
      resumed: 2,
      unseen: 0,
      replayed: 6,
      overlapped: 0,
    })
    expect(transports.sse?.gaps?.maxMs).toBeGreaterThan(0)
    expect(transports.poll?.gaps?.maxMs).toBeGreaterThan(0)
    back.close()
  })
})

describe('a stream that was sent away before the drain was cancelled', () => {
  it('is not one who was never seen again, whether it comes back here or elsewhere', async () => {
    const third = await cluster.join()
    const streams = await Promise.all(['hal', 'eve', 'joe'].map((user) => stream(other, user)))
    for (const one of streams) await one.next('welcome')
    await drainOf(other, 'POST')
    const left = await Promise.all(streams.map((one) => one.next('closing')))
    await expect.poll(() => drainOf(other)).toMatchObject({ told: 3, unseen: 3 })
    await drainOf(other, 'DELETE')
    expect(await drainOf(other)).toMatchObject({ state: 'cancelled', told: 3, unseen: 3 })
    const back = [
      await stream(other, 'hal', left[0]?.id ?? ''),
      await stream(third, 'eve', left[1]?.id ?? ''),
    ]
    for (const one of back) await one.next('welcome')
    // The third one is still away.
    await expect
      .poll(() => drainOf(other))
      .toMatchObject({ state: 'cancelled', told: 3, moved: 1, unseen: 1, forced: 0 })
    for (const one of back) one.close()
  })
})

describe('a stream or a poll that had to leave', () => {
  it('is sent on by a node that will be drained next as often as it may be, and served then', async () => {
    const next = await cluster.join({ node: { version: 'next' } })
    const from = await stream(next, 'sam')
    const { id: plain = '' } = await from.next('welcome')
    from.close()
    let cursor = composeCursor(
      [plain.slice(1, plain.lastIndexOf('~'))],
      tagOf('sam'),
      departureSegment({ node: 'gone', number: 1, turns: 0 }),
    )
    // It is in the table at once; each node reads that at its next heartbeat.
    await expect.poll(() => firstEvent(other, 'sam', cursor)).toBe('closing')
    for (let turns = 1; turns <= TURNS_UNSERVED_MAX; turns++) {
      const refused = await stream(other, 'sam', cursor)
      // An `EventSource` gives up on any other status.
      expect(refused.response.status).toBe(200)
      const { data, id = '' } = await refused.next('closing')
      expect(data).toMatchObject({ code: 'unavailable', retryable: true })
      expect(refused.retryMs).toBeLessThanOrEqual(100)
      expect(departureIn(id)?.turns).toBe(turns)
      expect(await refused.rest()).toEqual([])
      cursor = id
    }
    const served = await stream(other, 'sam', cursor)
    const { data, id } = await served.next('welcome')
    expect(data['channels']).toMatchObject({ news: { recovered: true } })
    expect(departureIn(id ?? '')).toBeUndefined()
    served.close()
    // A poll is sent on as often: with nothing, its cursor, and the end of its connection.
    const { cursor: began } = await poll(other, 'kim', undefined, 0)
    await next.publish({ channel: 'news', data: 'meanwhile' })
    const place = began.slice(1, began.lastIndexOf('~'))
    let polled = composeCursor([place], tagOf('kim'), departureSegment({ node: 'gone', number: 1, turns: 0 }))
    for (let turns = 1; turns <= TURNS_UNSERVED_MAX; turns++) {
      const answer = await poll(other, 'kim', polled, 0)
      expect(answer.messages).toEqual([])
      expect(departureIn(answer.cursor)?.turns).toBe(turns)
      polled = answer.cursor
    }
    const last = await poll(other, 'kim', polled, 0)
    expect(last.messages).toMatchObject([{ data: 'meanwhile' }])
    expect(departureIn(last.cursor)).toBeUndefined()
    // Who does not come from a node that sent him away is not sent on.
    const plainly = await stream(other, 'sam', plain)
    await plainly.next('welcome')
    plainly.close()
  })
})
