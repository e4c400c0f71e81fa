import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { patientMs } from '../support/patience.ts'
import type { Backbone, BackboneSink } from '../../src/backbone/backbone.ts'
import type { EphemeralMessage, LoggedMessage, Message } from '../../src/protocol/message.ts'

/** What carries messages between nodes: a bus, a server, a cluster of servers. */
export interface BackboneFixture {
  /** A new node on it; resolves once it is connected. */
  join(node: string, sink: BackboneSink): Promise<Backbone>
  close(): Promise<void>
}

const PATIENCE_MS = patientMs(30_000)

/** Keeps what reaches a node, and wakes whoever waits for it. */
class Recorder implements BackboneSink {
  readonly messages: Message[] = []
  readonly controls: { fromNode: string; payload: string }[] = []
  readonly #waiting = new Set<() => void>()
  /** Runs inside the sink. */
  onMessage: (message: Message) => void = () => undefined
  inside = false

  message(message: Message): void {
    if (this.inside) throw new Error('the sink was called re-entrantly')
    this.inside = true
    this.messages.push(message)
    this.onMessage(message)
    this.inside = false
    this.#wake()
  }

  control(fromNode: string, payload: Uint8Array): void {
    this.controls.push({ fromNode, payload: Buffer.from(payload).toString('latin1') })
    this.#wake()
  }

  connected(): void {}

  disconnected(): void {}

  async until(what: string, reached: () => boolean): Promise<void> {
    let gaveUp = false
    const timeout = setTimeout(() => {
      gaveUp = true
      this.#wake()
    }, PATIENCE_MS)
    while (!reached()) {
      if (gaveUp) expect.unreachable(`did not arrive: ${what}`)
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
    clearTimeout(timeout)
  }

  received(channel: string): string[] {
    return this.messages.filter((one) => one.channel === channel).map(({ data }) => text(data))
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }
}

interface Member {
  readonly node: string
  readonly sink: Recorder
  readonly backbone: Backbone
}

export function describeBackbone(name: string, open: () => Promise<BackboneFixture>): void {
  let fixture: BackboneFixture
  let members: Member[] = []

  beforeAll(async () => {
    fixture = await open()
  })
  afterEach(async () => {
    await Promise.all(members.map(({ backbone }) => backbone.close()))
    members = []
  })
  afterAll(() => fixture.close())

  async function join(): Promise<Member> {
    const node = randomBytes(6).toString('hex')
    const sink = new Recorder()
    const member = { node, sink, backbone: await fixture.join(node, sink) }
    members.push(member)
    return member
  }

  const joinThree = async (): Promise<[Member, Member, Member]> => [await join(), await join(), await join()]

  const fresh = (): string => `bus:${randomBytes(6).toString('hex')}`

  /**
   * After it, what the sender sent before to `receiver` has arrived or never will: the same way brings it, and every
   * implementation at hand keeps the order of one sender as long as nothing fails.
   */
  async function settle(sender: Member, receiver: Member): Promise<void> {
    const channel = fresh()
    await receiver.backbone.subscribe(channel)
    sender.backbone.broadcast(ephemeral(channel, 'last'))
    await receiver.sink.until('the last message', () => receiver.sink.received(channel).length === 1)
  }

  describe(`${name} keeps the contract of a backbone`, () => {
    it('B1 what any node broadcasts reaches every subscriber, from the moment that it has subscribed', async () => {
      const [one, two, three] = await joinThree()
      const channel = fresh()
      await one.backbone.subscribe(channel)
      await two.backbone.subscribe(channel)
      for (const { node, backbone } of members)
        expect(backbone.broadcast(ephemeral(channel, node))).toBe('sent')
      for (const { sink } of [one, two]) {
        await sink.until('three messages', () => sink.received(channel).length === 3)
        expect(sink.received(channel).toSorted()).toEqual(members.map(({ node }) => node).toSorted())
      }
      await settle(one, three)
      expect(three.sink.received(channel)).toEqual([])
    })

    it('B1 holds for many channels that are subscribed to at once', async () => {
      const [one, two] = await joinThree()
      const channels = Array.from({ length: 200 }, fresh)
      await Promise.all(channels.map((channel) => one.backbone.subscribe(channel)))
      for (const channel of channels) two.backbone.broadcast(ephemeral(channel, channel))
      await one.sink.until('200 messages', () => one.sink.messages.length === 200)
      for (const channel of channels) expect(one.sink.received(channel)).toEqual([channel])
    })

    it('B1 a subscription that is asked for twice brings each message once', async () => {
      const [one, two] = await joinThree()
      const channel = fresh()
      await Promise.all([one.backbone.subscribe(channel), one.backbone.subscribe(channel)])
      two.backbone.broadcast(ephemeral(channel, 'once'))
      await settle(two, one)
      expect(one.sink.received(channel)).toEqual(['once'])
    })

    it('B2 a node hears its own broadcasts', async () => {
      const one = await join()
      const channel = fresh()
      await one.backbone.subscribe(channel)
      one.backbone.broadcast(ephemeral(channel, 'mine'))
      await one.sink.until('its own', () => one.sink.received(channel).length === 1)
    })

    it('B3 after unsubscribing nothing of the channel arrives, until it is subscribed to again', async () => {
      const [one, two] = await joinThree()
      const channel = fresh()
      await one.backbone.subscribe(channel)
      one.backbone.unsubscribe(channel)
      one.backbone.unsubscribe(channel)
      // One round trip of the subscriber, so that its wish is known where the messages are routed.
      await settle(one, one)
      two.backbone.broadcast(ephemeral(channel, 'unheard'))
      await settle(two, one)
      await one.backbone.subscribe(channel)
      two.backbone.broadcast(ephemeral(channel, 'heard'))
      await one.sink.until('the second', () => one.sink.received(channel).length === 1)
      expect(one.sink.received(channel)).toEqual(['heard'])
    })

    it('B3 a subscription is to one channel, however alike others are', async () => {
      const [one, two] = await joinThree()
      const base = fresh()
      const others = [
        `${base}.a`,
        `${base}:a`,
        `${base}x`,
        base.toUpperCase(),
        `x.${base}`,
        base.slice(0, -1),
      ]
      await one.backbone.subscribe(base)
      for (const channel of others) two.backbone.broadcast(ephemeral(channel, 'other'))
      two.backbone.broadcast(ephemeral(base, 'this'))
      await settle(two, one)
      expect(
        one.sink.messages.filter(({ data }) => text(data) !== 'last').map(({ channel }) => channel),
      ).toEqual([base])
    })

    it('B4 a unicast reaches its node only, whoever is subscribed', async () => {
      const [one, two, three] = await joinThree()
      const channel = '@alice smith.*>'
      await three.backbone.subscribe(fresh())
      expect(one.backbone.unicast(two.node, ephemeral(channel, 'for two'))).toBe('sent')
      expect(two.backbone.unicast(two.node, ephemeral(channel, 'for myself'))).toBe('sent')
      await two.sink.until('both', () => two.sink.received(channel).length === 2)
      expect(two.sink.received(channel).toSorted()).toEqual(['for myself', 'for two'])
      await settle(one, one)
      await settle(one, three)
      await settle(two, three)
      expect(one.sink.received(channel)).toEqual([])
      expect(three.sink.received(channel)).toEqual([])
    })

    it('B4 a unicast to a node that is not there harms nobody', async () => {
      const [one, two] = await joinThree()
      one.backbone.unicast('0123456789ab', ephemeral(fresh(), 'nobody'))
      await settle(one, two)
    })

    it('B5 a message arrives as it was sent', async () => {
      const [one, two] = await joinThree()
      const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte)
      const channel = 'ABCxyz019_-:@/=+$.a.b'
      const sent: Message[] = [
        logged(channel, { data: everyByte, binary: true, id: 'an id: 你好\r\n🚰', time: 1_700_000_000_123 }),
        logged(channel, { offset: 2 ** 53 - 1, previous: 2 ** 53 - 2, epoch: 'Z'.repeat(32), ack: true }),
        logged(channel, { data: new Uint8Array(0), binary: true, offset: 1, previous: 0, time: 0 }),
        // Not JSON, and nobody minds.
        { ...ephemeral(channel, '{"unfinished'), id: 'x'.repeat(128) },
        { ...ephemeral(channel, ''), data: everyByte.subarray(7, 9), binary: true },
        logged(channel, { data: everyByte.slice(1), binary: true }),
      ]
      await two.backbone.subscribe(channel)
      for (const message of sent) one.backbone.broadcast(message)
      await two.sink.until('all', () => two.sink.messages.length === sent.length)
      expect(two.sink.messages.map(comparable)).toEqual(sent.map(comparable))
      for (const message of sent) one.backbone.unicast(two.node, { ...message, channel: '@alice' })
      await two.sink.until('all', () => two.sink.messages.length === 2 * sent.length)
      expect(two.sink.messages.slice(sent.length).map(comparable)).toEqual(
        sent.map((message) => comparable({ ...message, channel: '@alice' })),
      )
    })

    it('B5 a large message arrives whole', async () => {
      const [one, two] = await joinThree()
      const channel = fresh()
      const data = Uint8Array.from({ length: 900_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff)
      await two.backbone.subscribe(channel)
      one.backbone.broadcast({ ...ephemeral(channel, ''), data, binary: true })
      await two.sink.until('it', () => two.sink.messages.length === 1)
      expect(Buffer.compare(data, (two.sink.messages[0] as Message).data)).toBe(0)
    })

    it('B6 control reaches one node, or all with the sender', async () => {
      const [one, two, three] = await joinThree()
      expect(one.backbone.control(two.node, latin1('\u0000\u00ff{for two'))).toBe('sent')
      expect(one.backbone.control(undefined, latin1('for all'))).toBe('sent')
      for (const { sink } of members)
        await sink.until('the one for all', () => sink.controls.at(-1)?.payload === 'for all')
      const forAll = { fromNode: one.node, payload: 'for all' }
      expect(one.sink.controls).toEqual([forAll])
      expect(two.sink.controls).toEqual([{ fromNode: one.node, payload: '\u0000\u00ff{for two' }, forAll])
      expect(three.sink.controls).toEqual([forAll])
      for (const { sink } of members) expect(sink.messages).toEqual([])
    })

    it('B6 control carries nothing, and much', async () => {
      const [one, two] = await joinThree()
      const much = Buffer.alloc(200_000, 'sluice').toString('latin1')
      one.backbone.control(two.node, new Uint8Array(0))
      one.backbone.control(two.node, latin1(much))
      await two.sink.until('both', () => two.sink.controls.length === 2)
      expect(two.sink.controls.map(({ payload }) => payload)).toEqual(['', much])
    })

    it('B7 nothing reaches the sink once close has resolved', async () => {
      const [one, two, three] = await joinThree()
      const channel = fresh()
      await one.backbone.subscribe(channel)
      await three.backbone.subscribe(channel)
      for (let i = 0; i < 100; i++) {
        two.backbone.broadcast(ephemeral(channel, String(i)))
        two.backbone.unicast(one.node, ephemeral('@alice', String(i)))
        two.backbone.control(one.node, latin1(String(i)))
      }
      await one.backbone.close()
      const until = { messages: one.sink.messages.length, controls: one.sink.controls.length }
      await three.sink.until('all', () => three.sink.received(channel).length === 100)
      two.backbone.broadcast(ephemeral(channel, 'late'))
      two.backbone.control(undefined, latin1('late'))
      await settle(two, three)
      expect({ messages: one.sink.messages.length, controls: one.sink.controls.length }).toEqual(until)
    })

    it('a node that is closing sends what it was given before', async () => {
      const [one, two] = await joinThree()
      const channel = fresh()
      await two.backbone.subscribe(channel)
      for (let i = 0; i < 100; i++) one.backbone.broadcast(ephemeral(channel, String(i)))
      await one.backbone.close()
      await one.backbone.close()
      await two.sink.until('all', () => two.sink.received(channel).length === 100)
      expect(one.backbone.healthy()).toBe(false)
      expect(one.backbone.broadcast(ephemeral(channel, 'late'))).toBe('degraded')
      expect(one.backbone.control(undefined, latin1('late'))).toBe('degraded')
      await expect(one.backbone.subscribe(channel)).rejects.toMatchObject({ code: 'unavailable' })
      await settle(two, two)
      expect(two.sink.received(channel).length).toBe(100)
    })

    it('the sink may send, and is not called again before it has returned', async () => {
      const [one, two] = await joinThree()
      const channel = fresh()
      await one.backbone.subscribe(channel)
      one.sink.onMessage = ({ data }) => {
        const left = Number(text(data))
        if (left > 0) one.backbone.broadcast(ephemeral(channel, String(left - 1)))
      }
      two.backbone.broadcast(ephemeral(channel, '5'))
      await one.sink.until('the last', () => one.sink.received(channel).length === 6)
      expect(one.sink.received(channel)).toEqual(['5', '4', '3', '2', '1', '0'])
    })

    it('keeps the order of one sender while nothing fails', async () => {
      const [one, two] = await joinThree()
      const channel = fresh()
      await one.backbone.subscribe(channel)
      for (let i = 0; i < 1000; i++) two.backbone.broadcast(ephemeral(channel, String(i)))
      await one.sink.until('all', () => one.sink.messages.length === 1000)
      expect(one.sink.received(channel)).toEqual(Array.from({ length: 1000 }, (_, i) => String(i)))
    })

    it('says that it is healthy while it is connected', async () => {
      const one = await join()
      expect(one.backbone.healthy()).toBe(true)
    })
  })
}

function ephemeral(channel: string, data: string): EphemeralMessage {
  return { kind: 'ephemeral', channel, data: Buffer.from(data), binary: false, id: undefined, time: 1 }
}

function logged(channel: string, more: Partial<LoggedMessage>): LoggedMessage {
  return {
    ...ephemeral(channel, '"data"'),
    epoch: 'epoch1',
    offset: 8,
    previous: 5,
    ack: false,
    ...more,
    kind: 'logged',
  }
}

/** With plain bytes: a `Buffer` and a `Uint8Array` of the same bytes are the same here. */
function comparable(message: Message): object {
  return { ...message, data: Uint8Array.from(message.data) }
}

function text(data: Uint8Array): string {
  return Buffer.from(data).toString()
}

function latin1(content: string): Uint8Array {
  return Buffer.from(content, 'latin1')
}
