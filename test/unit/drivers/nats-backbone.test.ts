import { describe, expect, it } from 'vitest'
import {
  NatsBackbone,
  type NatsBackboneOptions,
  type NatsPort,
  type Several,
} from '../../../src/backbone/nats.ts'
import { SealedPackets } from '../../../src/backbone/sealed.ts'
import { systemClock } from '../../../src/clock.ts'
import type { NatsCallback, NatsEvents, NatsSubscription } from '../../../src/drivers/nats-port.ts'
import { SluiceError } from '../../../src/errors.ts'
import type { LoggedMessage, Message } from '../../../src/protocol/message.ts'

/** A link whose round trips end when the test says so. */
class FakeLink implements NatsPort {
  up = true
  /** Thrown by whatever is sent. */
  fault: Error | undefined
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
    if (this.fault !== undefined) throw this.fault
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

function open(options: Partial<NatsBackboneOptions> = {}): {
  link: FakeLink
  backbone: NatsBackbone
  seen: string[]
  messages: Message[]
} {
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
  const backbone = new NatsBackbone('n1', link, sink, { packets, ...options })
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

describe('NatsBackbone, where others read several messages in a packet', () => {
  const logged = (channel: string, offset: number, bytes = 0): LoggedMessage => ({
    ...{ kind: 'logged', channel, data: Buffer.alloc(bytes), binary: true, id: undefined, time: 1 },
    ...{ epoch: 'e', offset, previous: offset - 1, ack: false },
  })

  function openSeveral(options: Partial<NatsBackboneOptions & Several> = {}): ReturnType<typeof open> {
    const { readBy = () => true, failed = () => undefined, ...others } = options
    return open({ several: { readBy, failed }, ...others })
  }

  /** The microtasks of this turn are done, and what waits for them. */
  const turnsEnd = (): Promise<void> =>
    new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)))

  it('K1 sends those of a turn at its end, the last of a channel by itself, and hears them as they were sent', async () => {
    const { link, backbone, messages } = openSeveral()
    void backbone.subscribe('news')
    const sent = [1, 2, 3, 4].map((offset) => logged('news', offset))
    const inboxes = [logged('@ann', 7), logged('@bob', 9)]
    for (const message of sent) expect(backbone.broadcast(message)).toBe('sent')
    for (const message of inboxes) expect(backbone.unicast('n1', message)).toBe('sent')
    expect(link.sent).toEqual([])
    await turnsEnd()
    expect(link.sent.map(({ subject }) => subject)).toEqual([
      'sluice.ch.news',
      'sluice.ch.news',
      'sluice.node.n1',
    ])
    link.echo()
    const all = [...sent, ...inboxes]
    expect(messages.length).toBe(6)
    for (const [index, message] of all.entries()) expect(messages[index]).toBe(message)
    // Another node opens and reads them.
    for (const message of sent) backbone.broadcast(message)
    await turnsEnd()
    const reader = open({ packets: new SealedPackets('a secret of a test', 'n2', systemClock) })
    void reader.backbone.subscribe('news')
    reader.link.sent.push(...link.sent)
    reader.link.echo()
    expect(reader.messages).toEqual(sent.map((message) => ({ ...message, from: undefined, meta: undefined })))
    await turns()
  })

  it('sends by itself, at once, what no packet of several is for: and it passes nothing of its subject', async () => {
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const { link, backbone, messages } = openSeveral({ readBy: (node) => node !== 'old' })
    for (const channel of ['a', 'b', 'c']) void backbone.subscribe(channel)
    backbone.unicast('old', logged('@ann', 1))
    expect(link.sent.length).toBe(1)
    backbone.broadcast(logged('a', 1))
    backbone.broadcast({ ...logged('b', 1), trace })
    expect(link.sent.length).toBe(2)
    backbone.broadcast({ ...logged('a', 2), trace })
    expect(link.sent.length).toBe(4)
    backbone.broadcast(logged('c', 1))
    backbone.control(undefined, new Uint8Array(1))
    expect(link.sent.map(({ subject }) => subject)).toEqual([
      ...['sluice.node.old', 'sluice.ch.b', 'sluice.ch.a', 'sluice.ch.a', 'sluice.ch.c', 'sluice.all'],
    ])
    link.echo()
    expect(messages.map(({ channel }) => channel)).toEqual(['b', 'a', 'a', 'c'])
    await turns()
    expect(link.sent).toEqual([])
  })

  it('K2 no packet is larger than the server takes, and one message that is goes nowhere, and says so', async () => {
    const refused: number[] = []
    const { link, backbone, messages } = openSeveral({ oversize: (_subject, bytes) => refused.push(bytes) })
    const sent = Array.from({ length: 9 }, (_, index) => logged('@ann', index + 1, 250))
    for (const message of sent) backbone.unicast('n1', message)
    expect(backbone.unicast('n1', logged('@ann', 10, 1000))).toBe('degraded')
    expect(refused.length).toBe(1)
    await turnsEnd()
    expect(link.sent.length).toBe(3)
    for (const { data } of link.sent) expect(data.length).toBeLessThanOrEqual(link.maxPayloadBytes)
    link.echo()
    expect(messages).toEqual(sent)
  })

  it('a link that is down carries nothing, and one that fails at the end of a turn takes nothing else with it', async () => {
    const faults: unknown[] = []
    const { link, backbone } = openSeveral({ failed: (error) => faults.push(error) })
    link.fault = new Error('the client of NATS is broken')
    backbone.broadcast(logged('a', 1))
    backbone.broadcast(logged('b', 1))
    await turnsEnd()
    expect(faults).toEqual([link.fault, link.fault])
    link.fault = undefined
    link.lose()
    expect(backbone.broadcast(logged('a', 2))).toBe('degraded')
    await turnsEnd()
    expect(link.sent).toEqual([])
  })

  it('B7 closed, it sends first what this turn has brought, and delivers nothing more of a packet', async () => {
    const { link, backbone, messages } = openSeveral()
    for (const offset of [1, 2, 3]) backbone.unicast('n1', logged('@ann', offset))
    const closing = backbone.close()
    expect(link.sent.length).toBe(1)
    expect(backbone.broadcast(logged('a', 1))).toBe('degraded')
    link.echo()
    expect(messages).toEqual([])
    for (const flush of link.flushes) flush.answered()
    await closing
  })
})
