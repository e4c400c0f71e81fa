import { describe, expect, it } from 'vitest'
import { NatsBackbone, type NatsPort } from '../../../src/backbone/nats.ts'
import { SealedPackets } from '../../../src/backbone/sealed.ts'
import { systemClock } from '../../../src/clock.ts'
import type { NatsCallback, NatsEvents, NatsSubscription } from '../../../src/drivers/nats-port.ts'
import { SluiceError } from '../../../src/errors.ts'
import type { Message } from '../../../src/protocol/message.ts'

/** A link whose round trips end when the test says so. */
class FakeLink implements NatsPort {
  up = true
  readonly maxPayloadBytes = 1000
  readonly subjects: string[] = []
  readonly sent: { readonly subject: string; readonly data: Buffer }[] = []
  readonly #heard = new Map<string, NatsCallback>()
  readonly flushes: { answered(): void; failed(): void }[] = []
  #events: NatsEvents | undefined

  get events(): NatsEvents {
    return this.#events as NatsEvents
  }

  watch(events: NatsEvents): void {
    this.#events = events
  }

  publish(subject: string, data: Uint8Array): boolean {
    if (this.up) this.sent.push({ subject, data: Buffer.from(data) })
    return this.up
  }

  /** What was sent comes back. */
  echo(): void {
    for (const { subject, data } of this.sent.splice(0))
      this.#heard.get(subject)?.(subject, data, '', undefined)
  }

  subscribe(subject: string, _options: object, callback: NatsCallback): NatsSubscription {
    this.subjects.push(subject)
    this.#heard.set(subject, callback)
    const unsubscribe = (): void => void this.subjects.splice(this.subjects.indexOf(subject), 1)
    return { unsubscribe, drain: () => Promise.resolve(unsubscribe()) }
  }

  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.flushes.push({
        answered: resolve,
        failed: () => reject(new SluiceError('unavailable', 'no answer')),
      })
    })
  }

  lose(): void {
    this.up = false
    this.events.disconnected('gone')
  }

  return(): void {
    this.up = true
    this.events.connected()
  }
}

function open(): { link: FakeLink; backbone: NatsBackbone; seen: string[]; messages: Message[] } {
  const messages: Message[] = []
  const link = new FakeLink()
  const seen: string[] = []
  const sink = {
    message: (message: Message) => messages.push(message) && seen.push('message'),
    control: () => seen.push('control'),
    connected: () => seen.push('connected'),
    disconnected: () => seen.push('disconnected'),
  }
  const packets = new SealedPackets('a secret of a test', 'n1', systemClock)
  const backbone = new NatsBackbone('n1', link, sink, { packets })
  return { link, backbone, seen, messages }
}

/** Whatever is due in this turn of the event loop and the next has happened. */
async function turns(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('NatsBackbone', () => {
  it('B1 confirms all subscriptions of a turn by one round trip, and none before its end', async () => {
    const { link, backbone } = open()
    const done: string[] = []
    for (const channel of ['a', 'b', 'c']) void backbone.subscribe(channel).then(() => done.push(channel))
    await turns()
    expect(link.subjects).toEqual([
      'sluice.all',
      'sluice.node.n1',
      'sluice.ch.a',
      'sluice.ch.b',
      'sluice.ch.c',
    ])
    expect(link.flushes.length).toBe(1)
    expect(done).toEqual([])
    // What comes once the round trip is under way needs one of its own.
    void backbone.subscribe('d').then(() => done.push('d'))
    link.flushes[0]?.answered()
    await turns()
    expect(done).toEqual(['a', 'b', 'c'])
    expect(link.flushes.length).toBe(2)
    link.flushes[1]?.answered()
    await turns()
    expect(done).toEqual(['a', 'b', 'c', 'd'])
  })

  it('says that it is connected when the subscriptions are in place, not before', async () => {
    const { link, seen } = open()
    link.lose()
    link.return()
    await turns()
    expect(seen).toEqual(['disconnected'])
    link.flushes[0]?.answered()
    await turns()
    expect(seen).toEqual(['disconnected', 'connected'])
  })

  it('says so once where the connection breaks again meanwhile', async () => {
    const { link, seen } = open()
    link.lose()
    link.return()
    link.lose()
    link.return()
    for (const flush of link.flushes) flush.answered()
    await turns()
    expect(seen).toEqual(['disconnected', 'disconnected', 'connected'])
  })

  it('asks again as long as a server that is connected does not answer', async () => {
    const { link, seen } = open()
    link.return()
    for (let i = 0; i < 3; i++) {
      link.flushes[i]?.failed()
      await turns()
    }
    expect(link.flushes.length).toBe(4)
    link.lose()
    link.flushes[3]?.failed()
    await turns()
    expect(link.flushes.length).toBe(4)
    expect(seen).toEqual(['disconnected'])
  })

  it('a subscription resolves though the round trip fails, and the log is compared after the next', async () => {
    const { link, backbone, seen } = open()
    const subscribed = backbone.subscribe('a')
    await turns()
    link.flushes[0]?.failed()
    await subscribed
    expect(seen).toEqual([])
    await turns()
    link.flushes[1]?.answered()
    await turns()
    expect(seen).toEqual(['connected'])
  })

  it('while the link is down a subscription is remembered and resolves at once', async () => {
    const { link, backbone } = open()
    link.lose()
    await backbone.subscribe('a')
    expect(link.subjects).toContain('sluice.ch.a')
    expect(link.flushes).toEqual([])
  })

  it('takes a slow consumer for a loss', async () => {
    const { link, seen } = open()
    link.events.slowConsumer?.('sluice.ch.a')
    link.flushes[0]?.answered()
    await turns()
    expect(seen).toEqual(['connected'])
  })

  it('B7 closed, it cancels what it was subscribed to, sends what is left, and is silent', async () => {
    const { link, backbone, seen } = open()
    link.return()
    let closed = false
    const closing = backbone.close().then(() => (closed = true))
    await turns()
    expect(closed).toBe(false)
    for (const flush of link.flushes) flush.answered()
    await closing
    link.lose()
    link.return()
    await turns()
    expect(link.subjects).toEqual([])
    expect(seen).toEqual([])
    await expect(backbone.subscribe('a')).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('B2 takes what it hears of itself as it has sent it, without opening it, and the rest as anybody’s', async () => {
    const { link, backbone, messages } = open()
    void backbone.subscribe('news')
    const message = (channel: string): Message => ({
      ...{ kind: 'ephemeral', channel, data: Buffer.from('1'), binary: false, id: undefined, time: 1 },
    })
    const [mine, inbox] = [message('news'), message('@ann')]
    backbone.broadcast(mine)
    backbone.unicast('n1', inbox)
    backbone.broadcast(message('elsewhere'))
    link.echo()
    expect(messages).toEqual([mine, inbox])
    expect(messages[0]).toBe(mine)
    expect(messages[1]).toBe(inbox)
    // What was sent before the connection broke does not come back over the next one; where it does, it is read.
    backbone.broadcast(mine)
    link.lose()
    link.return()
    link.echo()
    expect(messages[2]).toEqual(mine)
    expect(messages[2]).not.toBe(mine)
    await turns()
  })
})
