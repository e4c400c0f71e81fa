import { describe, expect, it } from 'vitest'
import type { Position } from '../../../src/protocol/position.ts'
import { connected, message, record, type Fixture } from './fixture.ts'
import type { FakeSocket } from './fake-sockets.ts'
import { settled } from './manual-time.ts'

const answer = (socket: FakeSocket, offset: number, recovered = true): void =>
  socket.answer('subscribe', { type: 'subscribed', epoch: 'e', offset, recovered })
const send = (socket: FakeSocket, ...offsets: number[]): void => {
  for (const offset of offsets) socket.receive(message('news', offset, offset))
}
const subscribes = (socket: FakeSocket): unknown[] =>
  socket.sent
    .filter(({ type, ...frame }) => type === 'subscribe' && frame['channel'] !== '@inbox')
    .map((frame) => frame['from'])

/** Connected, with a first handler on `news` that was shown 6 and 7. */
async function onNews(): Promise<Fixture & { readonly first: unknown[] }> {
  const all = await connected()
  const { data, handler } = record()
  all.client.subscribe('news', handler)
  answer(all.sockets.newest, 5, false)
  send(all.sockets.newest, 6, 7)
  return { ...all, first: data }
}

describe('a second handler', () => {
  it('with the last messages is shown them once and in order, and the first one only what is new', async () => {
    const { client, sockets, first } = await onNews()
    const { data, handler } = record()
    const second = client.subscribe('news', handler, { from: { last: 4 } })
    expect(subscribes(sockets.newest)).toEqual([undefined, { last: 4 }])
    expect(second.position).toBeUndefined()
    // Still of before the answer: it comes again behind it.
    send(sockets.newest, 8)
    answer(sockets.newest, 4)
    await second.ready
    send(sockets.newest, 5, 6, 7, 8, 9)
    expect(data).toEqual([5, 6, 7, 8, 9])
    expect(first).toEqual([6, 7, 8, 9])
  })

  it('that starts after where the channel is has it go on from there for the others', async () => {
    const { client, sockets, first } = await onNews()
    const { data, handler } = record()
    client.subscribe('news', handler, { from: { last: 1 } })
    // The gateway was ahead of what has arrived: from 9 on, the first one would miss 8 and 9.
    answer(sockets.newest, 9)
    send(sockets.newest, 10)
    expect(subscribes(sockets.newest)).toEqual([undefined, { last: 1 }, { epoch: 'e', offset: 7 }])
    answer(sockets.newest, 7)
    send(sockets.newest, 8, 9, 10)
    expect([first, data]).toEqual([[6, 7, 8, 9, 10], [10]])
  })

  it('whose start is gone is told of the reset, and the first one is not disturbed', async () => {
    const { client, sockets, first } = await onNews()
    const told: [string, Position][] = []
    const tell = (who: string) => ({ onReset: (at: Position) => told.push([who, at]) })
    client.subscribe('news', () => undefined, tell('third'))
    const { data, handler } = record()
    client.subscribe('news', handler, { from: { epoch: 'e', offset: 1 }, ...tell('second') })
    answer(sockets.newest, 7, false)
    sockets.newest.receive({ type: 'reset', channel: 'news', epoch: 'e', offset: 7, reason: 'trimmed' })
    answer(sockets.newest, 7)
    send(sockets.newest, 8)
    expect(told).toMatchObject([['second', { epoch: 'e', offset: 7 }]])
    expect([first, data]).toEqual([[6, 7, 8], [8]])
  })

  it('that was not answered before a cut is started behind it', async () => {
    const { client, sockets, time, first } = await onNews()
    const { data, handler } = record()
    client.subscribe('news', handler, { from: { last: 9 } })
    sockets.newest.end(1006)
    await time.pass(1000)
    sockets.newest.welcome({ channels: { news: { epoch: 'e', offset: 7, recovered: true } } })
    expect(subscribes(sockets.newest)).toEqual([{ last: 9 }])
    answer(sockets.newest, 5)
    send(sockets.newest, 6, 7, 8)
    expect([first, data]).toEqual([
      [6, 7, 8],
      [6, 7, 8],
    ])
  })

  it('misses nothing where the client moves while it is shown what was before', async () => {
    const { client, sockets, time, first } = await onNews()
    const old = sockets.newest
    old.receive({ type: 'reconnect', delay: 0, deadline: 60_000, reason: 'drain' })
    await time.pass(0)
    sockets.newest.open()
    expect(sockets.newest.last('connect')['resume']).toEqual(
      expect.objectContaining({ news: { epoch: 'e', offset: 7 } }),
    )
    const { data, handler } = record()
    client.subscribe('news', handler, { from: { last: 3 } })
    answer(old, 4)
    send(old, 5)
    // What it asked for at the beginning is beyond what the second handler waits for by now.
    sockets.newest.welcome({ channels: { news: { epoch: 'e', offset: 7, recovered: true } } })
    send(sockets.newest, 8)
    expect(subscribes(sockets.newest)).toEqual([{ epoch: 'e', offset: 5 }])
    answer(sockets.newest, 5)
    send(sockets.newest, 6, 7, 8)
    expect([first, data]).toEqual([
      [6, 7, 8],
      [5, 6, 7, 8],
    ])
  })

  it('of an ephemeral channel hears what comes, and nothing is asked for', async () => {
    const { client, sockets } = await connected()
    client.subscribe('cursor', () => undefined)
    sockets.newest.answer('subscribe', { type: 'subscribed', recovered: false })
    const { data, handler } = record()
    await client.subscribe('cursor', handler, { from: { last: 5 } }).ready
    sockets.newest.receive(message('cursor', undefined, 'moved'))
    expect(data).toEqual(['moved'])
    expect(subscribes(sockets.newest)).toEqual([undefined])
  })

  it('acknowledges nothing that is acknowledged already', async () => {
    const { client, sockets, time } = await onNews()
    sockets.newest.receive({ ...message('news', 8, 8), ack: true })
    await settled()
    await time.pass(1000)
    client.subscribe('news', () => undefined, { from: { last: 3 } })
    answer(sockets.newest, 6)
    sockets.newest.receive({ ...message('news', 7, 7), ack: true })
    await settled()
    await time.pass(1000)
    const acks = sockets.newest.sent.filter(({ type }) => type === 'ack').map((frame) => frame['offset'])
    expect(Math.min(...(acks as number[]))).toBe(8)
  })

  it('is refused a position that is none', async () => {
    const { client } = await onNews()
    expect(() => client.subscribe('news', () => undefined, { from: { epoch: '', offset: 1 } })).toThrow(
      /news: from is a position/,
    )
  })
})

describe('the inbox', () => {
  it('goes on from a position of the application, also for a second handler', async () => {
    const { client, sockets } = await connected()
    const { data, handler } = record()
    client.inbox(handler, { from: { epoch: 'i', offset: 3 } })
    sockets.newest.receive(message('@inbox', 9, 'of before the answer'))
    expect(sockets.newest.last('subscribe')).toMatchObject({
      channel: '@inbox',
      from: { epoch: 'i', offset: 3 },
    })
    await settled()
    expect(data).toEqual([])
  })
})
