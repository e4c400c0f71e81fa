import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../support/manual-clock.ts'
import type { Backbone, Sent } from '../../../src/backbone/backbone.ts'
import { SluiceError } from '../../../src/errors.ts'
import type { Message } from '../../../src/protocol/message.ts'
import {
  Publisher,
  type Delivery,
  type PublishPolicy,
  type PublishRequest,
} from '../../../src/publish/publisher.ts'
import type { Registry } from '../../../src/registry/registry.ts'
import type { Appended, ReplayLog } from '../../../src/replay/replay-log.ts'
import type { Tracing } from '../../../src/tracing.ts'

const APPENDED: Appended = { epoch: 'e', offset: 5, previous: 3, duplicate: false }
const AWAY = new SluiceError('unavailable', 'it is away')
const CHANNEL = { channel: 'news' }
const USER = { user: 'ann' }

interface Parts {
  readonly delivery: Delivery
  readonly onLogFailure: PublishPolicy['onLogFailure']
  /** What the log answers, or how it fails. */
  readonly log: Appended | Error
  /** What the backbone answers, one after the other, then `sent`; or how it fails. */
  readonly sends: readonly Sent[] | Error
  /** The nodes of every user, or how the registry fails. */
  readonly nodes: readonly string[] | Error
  readonly request: Partial<PublishRequest>
  /** The log is in memory, and answers in the same turn. */
  readonly atOnce: boolean
  /** How long the log takes. */
  readonly logMs: number
  readonly tracing: Tracing
}

/** What the publisher did: `to` is a node, or `all`. */
interface Done {
  readonly sent: { readonly to: string; readonly message: Message }[]
  readonly counted: string[]
  /** What was asked of the log and of the registry, in order. */
  readonly asked: string[]
  readonly answer: Promise<unknown>
}

function answerOf<Value>(value: Value | Error): Promise<Value> {
  return value instanceof Error ? Promise.reject(value) : Promise.resolve(value)
}

function publish(target: PublishRequest['target'], parts: Partial<Parts> = {}): Done {
  const { delivery = 'replay', onLogFailure = 'refuse', log = APPENDED, sends = [], nodes = ['n1'] } = parts
  const { request = {}, logMs = 0, atOnce = false, tracing } = parts
  const asked: string[] = []
  const clock = new ManualClock(1000)
  const sent: { to: string; message: Message }[] = []
  const counted: string[] = []
  const send = (to: string, message: Message): Sent => {
    if (sends instanceof Error) throw sends
    sent.push({ to, message })
    return sends[sent.length - 1] ?? 'sent'
  }
  const places = nodes instanceof Error ? nodes : nodes.map((node, index) => ({ session: `s${index}`, node }))
  const append = async (channel: string): Promise<Appended> => {
    asked.push(`append ${channel}`)
    await Promise.resolve()
    clock.pass(logMs)
    asked.push('appended')
    return answerOf(log)
  }
  const publisher = new Publisher(
    {
      tracing,
      log: {
        append: (channel: string) => (atOnce ? log : append(channel)),
      } as unknown as ReplayLog,
      backbone: {
        broadcast: (message: Message) => send('all', message),
        unicast: send,
      } as unknown as Backbone,
      registry: {
        locate: (user: string) => {
          asked.push(`locate ${user}`)
          return answerOf(places)
        },
      } as unknown as Registry,
      clock,
      metrics: {
        published: (door, how) => counted.push(`published ${door} ${how}`),
        duplicate: () => counted.push('duplicate'),
        refused: ({ code }) => counted.push(`refused ${code}`),
        appended: (seconds) => counted.push(seconds === 0 ? 'appended' : `appended in ${seconds} s`),
        unicastNodes: (count) => counted.push(`to ${count}`),
        degraded: () => counted.push('degraded'),
      },
      policyOf: () => ({ delivery, onLogFailure, log: { ttlMs: 1000, max: 10, idempotencyMs: 1000 } }),
    },
    () => 1000,
    64,
  )
  const payload = { data: Buffer.from('"hello"'), binary: false }
  const answer = (async () =>
    publisher.publish({ door: 'http', target, payload, id: undefined, ...request }))()
  return { sent, counted, asked, answer }
}

describe('where the log is away', () => {
  it.each([CHANNEL, USER])('refuse fails with unavailable, and nothing is sent: %o', async (target) => {
    const { answer, sent, counted } = publish(target, { log: AWAY, onLogFailure: 'refuse' })
    await expect(answer).rejects.toBe(AWAY)
    expect(sent).toEqual([])
    expect(counted).toEqual(['refused unavailable'])
  })

  it('ephemeral sends it without a position, and says that this is degraded', async () => {
    const { answer, sent, counted } = publish(CHANNEL, { log: AWAY, onLogFailure: 'ephemeral' })
    expect(await answer).toEqual({ degraded: true })
    expect(sent).toMatchObject([{ to: 'all', message: { kind: 'ephemeral', channel: 'news' } }])
    expect(counted).toEqual(['published http replay', 'degraded'])
  })

  it('ephemeral sends what is for a user to his nodes, each once', async () => {
    const nodes = ['n1', 'n2', 'n1']
    const { answer, sent } = publish(USER, { log: AWAY, onLogFailure: 'ephemeral', nodes })
    expect(await answer).toEqual({ degraded: true })
    expect(sent.map(({ to }) => to)).toEqual(['n1', 'n2'])
    for (const { message } of sent) expect(message).toMatchObject({ kind: 'ephemeral', channel: '@ann' })
  })

  it.each([new SluiceError('limit_exceeded', 'too much'), new TypeError('a fault of ours')])(
    'ephemeral is for a log that is away, and for no other failure: %s',
    async (log) => {
      const { answer, sent } = publish(CHANNEL, { log, onLogFailure: 'ephemeral' })
      await expect(answer).rejects.toBe(log)
      expect(sent).toEqual([])
    },
  )
})

describe('degraded', () => {
  it.each(['replay', 'ephemeral'] as const)('is said where the backbone is: %s', async (delivery) => {
    const position = delivery === 'replay' ? { epoch: 'e', offset: 5 } : {}
    const degraded = publish(CHANNEL, { delivery, sends: ['degraded'] })
    expect(await degraded.answer).toEqual({ ...position, degraded: true })
    expect(degraded.counted).toContain('degraded')
    const whole = publish(CHANNEL, { delivery })
    expect(await whole.answer).toEqual(position)
    expect(whole.counted).not.toContain('degraded')
  })

  it.each<readonly [Sent, Sent]>([
    ['degraded', 'sent'],
    ['sent', 'degraded'],
  ])('is said where one of the nodes of a user was not reached: %s, %s', async (...sends) => {
    const { answer, counted } = publish(USER, { nodes: ['n1', 'n2'], sends })
    expect(await answer).toEqual({ epoch: 'e', offset: 5, degraded: true })
    expect(counted).toEqual(['appended', 'to 2', 'published http replay', 'degraded'])
  })

  it('is said, with the position, where sending fails behind the log: it is published', async () => {
    const { answer } = publish(CHANNEL, { sends: AWAY })
    expect(await answer).toEqual({ epoch: 'e', offset: 5, degraded: true })
  })

  it.each(['replay', 'durable'] as const)(
    'is said, with the position, where the user cannot be located behind the log: %s',
    async (delivery) => {
      const { answer } = publish(USER, { delivery, nodes: AWAY })
      expect(await answer).toEqual({ epoch: 'e', offset: 5, degraded: true })
    },
  )

  it('is no word for a fault of ours', async () => {
    const fault = new TypeError('a fault of ours')
    await expect(publish(CHANNEL, { sends: fault }).answer).rejects.toBe(fault)
    const refused = new SluiceError('limit_exceeded', 'too large for the backbone')
    await expect(publish(CHANNEL, { sends: refused }).answer).rejects.toBe(refused)
  })
})

describe('what is sent', () => {
  it('asks for an acknowledgement where it is durable, and nowhere else', async () => {
    const durable = publish(USER, { delivery: 'durable' })
    await durable.answer
    expect(durable.sent).toMatchObject([{ to: 'n1', message: { kind: 'logged', ack: true } }])
    const logged = { kind: 'logged', epoch: 'e', offset: 5, previous: 3, ack: false }
    for (const target of [CHANNEL, USER]) {
      const replay = publish(target, { delivery: 'replay' })
      await replay.answer
      expect(replay.sent.map(({ message }) => message)).toMatchObject([logged])
    }
  })

  it('is nothing on a durable channel: the stream sends on what it has stored', async () => {
    const { answer, sent, counted } = publish(CHANNEL, { delivery: 'durable' })
    expect(await answer).toEqual({ epoch: 'e', offset: 5 })
    expect(sent).toEqual([])
    expect(counted).toEqual(['appended', 'published http durable'])
  })

  it('is nothing where the id was published before', async () => {
    const { answer, sent, counted } = publish(USER, { log: { ...APPENDED, duplicate: true } })
    expect(await answer).toEqual({ epoch: 'e', offset: 5, duplicate: true })
    expect(sent).toEqual([])
    expect(counted).toEqual(['appended', 'duplicate'])
  })
})

describe('the way of a message for a user', () => {
  it.each([
    // Before the log answers, and after the append was sent: who claims the user meanwhile reads the message in the log.
    [USER, 'replay', ['append @ann', 'locate ann', 'appended']],
    // Another server's log: nobody knows which of the two comes first.
    [USER, 'durable', ['append @ann', 'appended', 'locate ann']],
    [USER, 'ephemeral', ['locate ann']],
    [CHANNEL, 'replay', ['append news', 'appended']],
    [CHANNEL, 'durable', ['append news', 'appended']],
    [CHANNEL, 'ephemeral', []],
  ] as const)('of %o, %s: the log, then the registry', async (target, delivery, order) => {
    const { asked, answer } = publish(target, { delivery })
    await answer
    expect(asked).toEqual(order)
  })

  it('is degraded where a node was not reached, and not where all were', async () => {
    const { answer, counted } = publish(USER)
    expect(await answer).toEqual({ epoch: 'e', offset: 5 })
    expect(counted).toEqual(['appended', 'to 1', 'published http replay'])
  })

  it('looks the user up where the log is away', async () => {
    const { asked, answer } = publish(USER, { log: AWAY, onLogFailure: 'ephemeral', delivery: 'durable' })
    await answer
    expect(asked).toEqual(['append @ann', 'appended', 'locate ann'])
  })

  it('is measured as far as the log is concerned, in seconds', async () => {
    const { answer, counted } = publish(CHANNEL, { logMs: 250 })
    await answer
    expect(counted).toEqual(['appended in 0.25 s', 'published http replay'])
  })
})

describe('a request', () => {
  const json = (text: string): PublishRequest['payload'] => ({ data: Buffer.from(text), binary: false })

  it.each(['replay', 'ephemeral'] as const)('becomes a message of the same words: %s', async (delivery) => {
    const { sent, answer } = publish(CHANNEL, {
      delivery,
      request: { id: 'one', from: 'ann', door: 'client' },
    })
    await answer
    const message = {
      data: Buffer.from('"hello"'),
      binary: false,
      id: 'one',
      from: 'ann',
      time: 1000,
      channel: 'news',
    }
    expect(sent).toMatchObject([{ to: 'all', message }])
    expect(sent[0]?.message.kind).toBe(delivery === 'replay' ? 'logged' : 'ephemeral')
  })

  it.each([
    [{ channel: 'a b' }, {}, 'bad_request', /^channel is not valid: \w/],
    [{ user: 'a\n' }, {}, 'bad_request', /^user must be \w/],
    [CHANNEL, { id: 'a\n' }, 'bad_request', /^id must be \w/],
    [CHANNEL, { id: '' }, 'bad_request', /^id must be \w/],
    [CHANNEL, { payload: json('{') }, 'bad_request', /JSON/],
    [CHANNEL, { payload: json('['.repeat(65) + ']'.repeat(65)) }, 'bad_request', /64/],
    [CHANNEL, { payload: json(`"${'x'.repeat(999)}"`) }, 'limit_exceeded', /^data has 1001 bytes; 1000 are/],
  ])('is refused before anybody is asked: %o %o', async (target, request, code, message) => {
    const { asked, counted, answer } = publish(target, { request })
    await expect(answer).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
    expect(asked).toEqual([])
    expect(counted).toEqual([`refused ${code}`])
  })

  it('is believed where its data was cut out of JSON that has been parsed, and only then', async () => {
    await publish(CHANNEL, { request: { payload: json('no JSON'), parsed: true } }).answer
    await expect(publish(CHANNEL, { request: { payload: json('no JSON') } }).answer).rejects.toMatchObject({
      code: 'bad_request',
    })
  })

  it('that fails by a fault of ours is not counted as refused', async () => {
    const { counted, answer } = publish(CHANNEL, { log: new TypeError('a fault of ours') })
    await expect(answer).rejects.toBeInstanceOf(TypeError)
    expect(counted).toEqual([])
  })
})

describe('a publish that is traced', () => {
  /** `step of parent: how it ended`, in the order in which they ended. */
  function recording(records = true): { readonly tracing: Tracing; readonly spans: string[] } {
    const spans: string[] = []
    let count = 0
    const tracing: Tracing = {
      begin(step, parent) {
        if (!records) return undefined
        const traceparent = `span ${++count}`
        return {
          traceparent,
          end: (_more, error) =>
            void spans.push(`${step} of ${parent}: ${error instanceof Error ? error.message : 'well'}`),
        }
      },
    }
    return { tracing, spans }
  }

  it.each([
    ['replay', CHANNEL],
    ['replay', USER],
  ] as const)(
    'has a span for each step, and the message says which it belongs to: %s %o',
    async (delivery, target) => {
      const { tracing, spans } = recording()
      const { sent, answer } = publish(target, { delivery, tracing, request: { trace: 'its backend' } })
      await answer
      expect(spans).toEqual([
        'append of span 1: well',
        'send of span 1: well',
        'publish of its backend: well',
      ])
      expect(sent.map(({ message }) => message.trace)).toEqual(['span 1'])
    },
  )

  it('ends its spans as failures where the log is away', async () => {
    const { tracing, spans } = recording()
    await expect(publish(CHANNEL, { tracing, log: AWAY }).answer).rejects.toBe(AWAY)
    expect(spans).toEqual(['append of span 1: it is away', 'publish of undefined: it is away'])
  })

  it('ends its span as a failure where it is refused at once', async () => {
    const { tracing, spans } = recording()
    const { answer } = publish({ channel: 'a b' }, { tracing })
    await expect(answer).rejects.toMatchObject({ code: 'bad_request' })
    expect(spans).toEqual([expect.stringMatching(/^publish of undefined: channel is not valid/)])
  })

  it('has none where this one is not recorded', async () => {
    const { sent, answer } = publish(CHANNEL, { tracing: recording(false).tracing })
    await answer
    expect(sent[0]?.message).not.toHaveProperty('trace')
  })
})

describe('what a message says of itself', () => {
  it('goes with it, as far as it says anything', async () => {
    const meta = { event: 'moved', headers: { kind: 'a' }, exclude: 's-1' }
    const { sent, answer } = publish(CHANNEL, { request: { meta } })
    await answer
    expect(sent[0]?.message.meta).toEqual(meta)
    for (const nothing of [undefined, { headers: {} }]) {
      const plain = publish(CHANNEL, { request: nothing === undefined ? {} : { meta: nothing } })
      await plain.answer
      expect(plain.sent[0]?.message.meta).toBeUndefined()
    }
  })

  it('is refused where it is not what it may be, and nothing is published', async () => {
    const { sent, asked, counted, answer } = publish(CHANNEL, { request: { meta: { event: '' } } })
    await expect(answer).rejects.toMatchObject({
      code: 'bad_request',
      message: expect.stringContaining('event must be'),
    })
    expect([sent, asked, counted]).toEqual([[], [], ['refused bad_request']])
  })
})

it('a message for a user goes once to a node where he is twice', async () => {
  const { sent, counted, answer } = publish(USER, { nodes: ['n1', 'n1'] })
  await answer
  expect(sent.map(({ to }) => to)).toEqual(['n1'])
  expect(counted).toContain('to 1')
})

it('a log that answers in the same turn is answered in it', async () => {
  const { sent, answer } = publish(CHANNEL, { atOnce: true })
  expect(sent).toHaveLength(1)
  expect(await answer).toEqual({ epoch: 'e', offset: 5 })
})
