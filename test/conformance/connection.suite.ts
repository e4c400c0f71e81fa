/**
 * What a session and the hub may rely on in every connection, whatever carries it:
 *  T1 what is published on its channels while it is live reaches the client once and in order, and nothing else does
 *  T2 what was published after the client's position comes first, then what follows, without a seam
 *  T3 a loss is told, with the channel and why, before anything that comes after it
 *  T4 a client that does not read is given no more than there is room for; when it reads again nothing is missing or
 *     twice, and meanwhile nobody else waits
 *  T5 `end` tells the client why, in the transport's way; what was handed over before it is received before it
 *  T6 after an end, by us or by the client, the node keeps nothing of it: no session, no place in a fan-out, no deadline
 *  T7 after an end whatever is sent goes nowhere and throws nothing; a second end changes nothing
 *  T8 a connection that fails inside (`abandon`) ends, and tells no more than that
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EncodedReset } from '../../src/protocol/encoded-reset.ts'
import { Closing } from '../../src/errors.ts'
import { inboxOf } from '../../src/protocol/channel.ts'
import type { From } from '../../src/protocol/position.ts'
import type { Connection } from '../../src/session/connection.ts'
import type { WheelEntry } from '../../src/wheel.ts'
import { ConnectionWorld, OPTIONS, USER } from '../support/connection-world.ts'

/** What reaches a client, in order. */
export type Received =
  | { readonly type: 'message'; readonly channel: string; readonly data: unknown }
  | { readonly type: 'reset'; readonly channel: string; readonly reason: string }
  | { readonly type: 'end'; readonly code: string | undefined }

export interface TestClient {
  /** Of a client that asks again and again, the one that serves it now. */
  readonly connection: Connection & Pick<WheelEntry, 'abandon'> & Partial<WheelEntry>
  readonly received: readonly Received[]
  /** What is kept for it until it reads. */
  readonly waitingBytes: number
  stopReading(): void
  /** Reads a part of what waits. */
  readSome(): void
  /** Reads what waits, and goes on reading. */
  read(): void
  /** The client goes, without a word. */
  leave(): void
}

export interface Rig {
  /** Connected, with what there was to tell received. */
  connect(world: ConnectionWorld, channels: Record<string, From | undefined>): Promise<TestClient>
  /** Whether a connection lasts over more than one message. */
  readonly lasting: boolean
}

const LONG = 'x'.repeat(400)
/** Of topics, and handed to each alone. */
const BOTH = ['news', inboxOf(USER)]
const away = (): Closing => new Closing('unauthorized', 'unauthorized', 'the token has been revoked')

export function describeConnection(name: string, rig: Rig): void {
  let world: ConnectionWorld
  beforeEach(() => {
    world = new ConnectionWorld()
  })
  afterEach(() => world.close())

  async function publishAll(channel: string, ...data: readonly unknown[]): Promise<void> {
    for (const one of data) await world.publish(channel, one)
  }

  const told = (client: TestClient): unknown[] =>
    client.received.map((one) => (one.type === 'message' ? one.data : one.type))

  function expectNothingLeft(client: TestClient): void {
    const { node } = world
    expect(client.connection.closed).toBe(true)
    expect(node.sessions.count).toBe(0)
    expect(node.hub.subscriptionCount).toBe(0)
    for (const fanout of world.fanouts) {
      expect(fanout.nativeCount).toBe(0)
      expect(fanout.streams).toBe(undefined)
    }
    expect(world.uws.memberships).toBe(0)
    // A socket is on no wheel by itself once it has joined.
    expect(client.connection.wheelTick ?? -1).toBe(-1)
    expect(world.connected).toBe(0)
  }

  describe(`${name} keeps the contract of a connection`, () => {
    it('T1 what is published on its channels is received once and in order, and nothing else', async () => {
      const client = await rig.connect(world, { news: undefined, sport: undefined })
      await publishAll('news', 'a', 'b')
      await publishAll('other', 'not his')
      await publishAll('sport', 'c')
      await publishAll(inboxOf('bob'), 'not his either')
      await publishAll('news', 'd')
      expect(client.received).toEqual([
        { type: 'message', channel: 'news', data: 'a' },
        { type: 'message', channel: 'news', data: 'b' },
        { type: 'message', channel: 'sport', data: 'c' },
        { type: 'message', channel: 'news', data: 'd' },
      ])
    })

    it('T1 messages of one turn of the loop are all received, in order', async () => {
      const client = await rig.connect(world, { news: undefined })
      await world.publishTogether('news', ['a', 'b', 'c'])
      expect(told(client)).toEqual(['a', 'b', 'c'])
    })

    it('T1 messages to the user arrive under the name of the inbox', async () => {
      const client = await rig.connect(world, { news: undefined })
      await publishAll(inboxOf(USER), 'for ann')
      expect(client.received).toEqual([{ type: 'message', channel: '@inbox', data: 'for ann' }])
    })

    it('T2 what was published after the position comes first, then what follows', async () => {
      await publishAll('news', 'before')
      const from = await world.head('news')
      await publishAll('news', 'a', 'b')
      const client = await rig.connect(world, { news: from })
      await publishAll('news', 'c')
      expect(told(client)).toEqual(['a', 'b', 'c'])
    })

    it('T2 the last messages that it asked for come first', async () => {
      await publishAll('news', 'a', 'b', 'c')
      const client = await rig.connect(world, { news: { last: 2 } })
      await publishAll('news', 'd')
      expect(told(client)).toEqual(['b', 'c', 'd'])
    })

    it('T3 a loss is told before what comes after it', async () => {
      await publishAll('news', 'a')
      const client = await rig.connect(world, { news: { epoch: 'another', offset: 7 } })
      await publishAll('news', 'b')
      expect(client.received[0]).toEqual({ type: 'reset', channel: 'news', reason: 'epoch' })
      expect(told(client).slice(1)).toEqual(['b'])
    })

    it('T3 a loss is told to those who are live, too', async () => {
      const client = await rig.connect(world, { news: undefined, sport: undefined })
      await publishAll('news', 'a')
      await world.lose('news', ['lost'])
      await publishAll('news', 'b')
      await publishAll('sport', 'c')
      const resets = client.received.filter(({ type }) => type === 'reset')
      expect(resets).toEqual([{ type: 'reset', channel: 'news', reason: 'trimmed' }])
      expect(told(client).indexOf('a')).toBeLessThan(told(client).indexOf('reset'))
      expect(told(client)).toContain('c')
      expect(told(client)).not.toContain('lost')
    })

    it.each(BOTH)(
      'T4 a client that does not read %s is not given without end, and misses nothing when it reads again',
      async (channel) => {
        const slow = await rig.connect(world, { news: undefined })
        const other = await rig.connect(world, { news: undefined })
        slow.stopReading()
        const sent = Array.from({ length: 60 }, (_, number) => `${number} ${LONG}`)
        for (const one of sent) await world.publish(channel, one)
        expect(told(other)).toEqual(sent)
        if (rig.lasting) expect(slow.connection.hasRoom()).toBe(false)
        expect(slow.received.length).toBeLessThan(sent.length)
        expect(slow.waitingBytes).toBeLessThan(OPTIONS.bufferedBytesMax + 3 * LONG.length)
        slow.read()
        await world.turns()
        expect(told(slow)).toEqual(sent)
        await publishAll(channel, 'after')
        expect(told(slow)).toEqual([...sent, 'after'])
      },
    )

    it.each(BOTH)(
      'T4 nothing of %s is missing or twice at whatever message it stops and goes on',
      async (channel) => {
        const client = await rig.connect(world, { news: undefined })
        const sent: string[] = []
        for (let burst = 1; burst < 25; burst++) {
          client.stopReading()
          for (let number = 0; number < burst; number++) {
            sent.push(`${burst} ${number} ${LONG}`)
            await world.publish(channel, sent.at(-1))
            if (number % 3 === 2) client.readSome()
          }
          client.read()
          await world.turns()
          expect(told(client)).toEqual(sent)
        }
      },
    )

    it('T5 an end tells why, behind everything that was handed over before it', async () => {
      const client = await rig.connect(world, { news: undefined })
      await publishAll('news', 'a')
      await world.handOver('news', 'b')
      await world.handOver(inboxOf(USER), 'c')
      const { connection } = client
      connection.end(away())
      await world.turns()
      const end = client.received.at(-1)
      if (rig.lasting) {
        expect(told(client)).toEqual(['a', 'b', 'c', 'end'])
        expect(end).toEqual({ type: 'end', code: 'unauthorized' })
      } else expect(end).toEqual({ type: 'end', code: 'unauthorized' })
      expectNothingLeft(client)
    })

    it('T6 when the client goes, nothing of it is left', async () => {
      const client = await rig.connect(world, { news: undefined })
      await publishAll('news', 'a')
      expect(told(client)).toEqual(['a'])
      client.leave()
      await world.turns()
      expectNothingLeft(client)
    })

    it('T6 a client that goes while it is behind leaves nothing either', async () => {
      const client = await rig.connect(world, { news: undefined })
      client.stopReading()
      for (let number = 0; number < 60; number++) await world.publish('news', `${number} ${LONG}`)
      client.leave()
      await world.turns()
      expectNothingLeft(client)
      await publishAll('news', 'nobody')
    })

    it('T7 after an end nothing that is sent arrives or throws, and a second end changes nothing', async () => {
      const client = await rig.connect(world, { news: undefined })
      const { connection } = client
      connection.end(away())
      await world.turns()
      const before = [...client.received]
      connection.end(new Closing('internal', 'internal', 'something else'))
      connection.unsubscribed('news', 'token')
      connection.subscribed('sport', { position: undefined, recovered: false })
      connection.reauth(1000)
      connection.deliver(await world.encoded('news', 'late'))
      const position = { epoch: 'e', offset: 1 }
      connection.reset(new EncodedReset({ channel: 'news', position, reason: 'gap', delayMs: 0 }))
      connection.abandon()
      expect(connection.hasRoom()).toBe(false)
      await publishAll('news', 'later')
      expect(client.received).toEqual(before)
      expectNothingLeft(client)
    })

    it('T7 a client that went is ended without a word to anybody', async () => {
      const client = await rig.connect(world, { news: undefined })
      client.leave()
      client.connection.end(away())
      client.connection.closeTooSlow('news')
      await world.turns()
      expect(client.received.filter(({ type }) => type === 'end')).toEqual([])
      expectNothingLeft(client)
    })

    it('T8 a connection that fails inside ends, and says nothing of the fault', async () => {
      const client = await rig.connect(world, { news: undefined })
      client.connection.abandon()
      await world.turns()
      expectNothingLeft(client)
      const end = client.received.at(-1)
      expect(end === undefined || end.type === 'end').toBe(true)
      if (end?.type === 'end') expect([undefined, 'internal']).toContain(end.code)
    })

    it('T8 a client that is too slow for the policy of its channel ends, and nothing is left', async () => {
      const client = await rig.connect(world, { news: undefined })
      client.stopReading()
      client.connection.closeTooSlow('news')
      await world.turns()
      expectNothingLeft(client)
    })
  })
}
