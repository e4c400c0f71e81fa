import { describe, expect, it } from 'vitest'
import type { ResetFrame } from '../../../src/dialect/sluice-v1/frames.ts'
import { connected, cutAndBack, fixture, message, record, rejection, type Fixture } from './fixture.ts'
import { settled } from './manual-time.ts'

const INBOX_AT_0 = { epoch: 'i', offset: 0, recovered: true } as const

/** Connected, and subscribed to `news` at offset 5. */
async function onNews(): Promise<Fixture & { readonly shown: unknown[] }> {
  const all = await connected()
  const { data, handler } = record()
  all.client.subscribe('news', handler)
  all.sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 5, recovered: false })
  return { ...all, shown: data }
}

describe('subscribe', () => {
  it('asks for the channel, and is ready when the gateway has answered', async () => {
    const { client, sockets } = await connected()
    const { data, handler } = record()
    const subscription = client.subscribe('news', handler)
    expect(sockets.newest.last('subscribe')).toEqual({
      type: 'subscribe',
      ref: expect.any(Number) as number,
      channel: 'news',
    })
    sockets.newest.receive(message('news', 5, 'too early'))
    expect(subscription.position).toBeUndefined()
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 5, recovered: false })
    await subscription.ready
    expect(subscription.position).toEqual({ epoch: 'e', offset: 5 })
    sockets.newest.receive(message('news', 6, 'six'))
    expect(data).toEqual(['six'])
    expect(subscription.position).toEqual({ epoch: 'e', offset: 6 })
  })

  it('before connect is asked for right behind it', async () => {
    const { client, sockets } = fixture()
    const { data, handler } = record()
    const subscription = client.subscribe('news', handler)
    void client.connect()
    await settled()
    sockets.newest.open()
    expect(sockets.newest.types()).toEqual(['connect', 'subscribe'])
    sockets.newest.welcome()
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 5, recovered: false })
    await subscription.ready
    sockets.newest.receive(message('news', 6, 'six'))
    expect(data).toEqual(['six'])
    expect(sockets.newest.types()).toEqual(['connect', 'subscribe'])
  })

  it('gives the handler the message with its place in the log', async () => {
    const { client, sockets } = await connected()
    const messages: unknown[] = []
    client.subscribe('news', (shown) => messages.push(shown))
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 5, recovered: false })
    sockets.newest.receive({ ...message('news', 6, { a: 1 }), id: 'm-1', time: 123 })
    expect(messages).toEqual([
      { channel: 'news', data: { a: 1 }, position: { epoch: 'e', offset: 6 }, id: 'm-1', time: 123 },
    ])
  })

  it('gives the handler bytes where the message is binary', async () => {
    const { sockets, shown } = await onNews()
    const payload = new Uint8Array([0, 255, 128])
    sockets.newest.receiveBytes({ type: 'message', channel: 'news', offset: 6, time: 1 }, payload)
    expect(shown).toEqual([payload])
    expect(shown[0]).toBeInstanceOf(Uint8Array)
  })

  it('starts with the last messages, or after a position, where the application says so', async () => {
    const { client, sockets } = await connected()
    client.subscribe('a', () => undefined, { from: { last: 10 } })
    expect(sockets.newest.last('subscribe')).toMatchObject({ channel: 'a', from: { last: 10 } })
    client.subscribe('b', () => undefined, { from: { epoch: 'e', offset: 3 } })
    expect(sockets.newest.last('subscribe')).toMatchObject({ channel: 'b', from: { epoch: 'e', offset: 3 } })
  })

  it('a position of the application that cannot be recovered stays until the reset', async () => {
    const all = await connected()
    const { client, sockets } = all
    const { data, handler } = record()
    client.subscribe('news', handler, { from: { epoch: 'e', offset: 3 } })
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'f', offset: 70, recovered: false })
    await cutAndBack(all)
    sockets.newest.open()
    expect(sockets.newest.last('connect')).toMatchObject({ resume: { news: { epoch: 'e', offset: 3 } } })
    sockets.newest.welcome({
      channels: { '@inbox': INBOX_AT_0, news: { epoch: 'f', offset: 70, recovered: false } },
    })
    sockets.newest.receive({ type: 'reset', channel: 'news', epoch: 'f', offset: 70, reason: 'epoch' })
    sockets.newest.receive(message('news', 71, 'on'))
    expect(data).toEqual(['on'])
  })

  it.each(['', '@inbox', '@alice', 'a b', '.a', 'a..b', 'ü', 'x'.repeat(129)])(
    'refuses %j as a channel, and says what is allowed',
    async (name) => {
      const { client, sockets } = await connected()
      expect(() => client.subscribe(name, () => undefined)).toThrow(/a channel is 1 to 128 of/)
      expect(sockets.newest.types()).not.toContain('subscribe')
    },
  )

  it.each([
    { epoch: '', offset: 1 },
    { epoch: 'a b', offset: 1 },
    { epoch: 'e', offset: -1 },
    { epoch: 'e', offset: 1.5 },
    { epoch: 'e', offset: Number.NaN },
  ])('refuses %j as a position: it would spoil the resume of all channels', async (from) => {
    const { client } = await connected()
    expect(() => client.subscribe('news', () => undefined, { from })).toThrow(/from is a position/)
  })

  it.each(['__proto__', 'constructor', 'toString'])('a channel may be named %s', async (name) => {
    const all = await connected()
    const { data, handler } = record()
    all.client.subscribe(name, handler)
    all.sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 5, recovered: false })
    await cutAndBack(all)
    all.sockets.newest.open()
    const resume = all.sockets.newest.last('connect')['resume'] as object
    expect(Object.getOwnPropertyDescriptor(resume, name)?.value).toEqual({ epoch: 'e', offset: 5 })
    // As after a resume that did not name it.
    all.sockets.newest.welcome({ channels: { '@inbox': INBOX_AT_0 } })
    all.sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 5, recovered: true })
    all.sockets.newest.receive(message(name, 6, 'six'))
    expect(data).toEqual(['six'])
  })
})

describe('several handlers of one channel', () => {
  it('share one subscription, and each hears each message', async () => {
    const { client, sockets } = await onNews()
    const { data, handler } = record()
    const second = client.subscribe('news', handler)
    await second.ready
    expect(sockets.newest.types().filter((type) => type === 'subscribe').length).toBe(1)
    sockets.newest.receive(message('news', 6, 'six'))
    expect(data).toEqual(['six'])
  })

  it('the last one that leaves leaves the channel', async () => {
    const { client, sockets } = await connected()
    const [first, second] = [record(), record()]
    const one = client.subscribe('news', first.handler)
    const two = client.subscribe('news', second.handler)
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 5, recovered: false })
    one.unsubscribe()
    one.unsubscribe()
    expect(sockets.newest.types()).not.toContain('unsubscribe')
    sockets.newest.receive(message('news', 6, 'six'))
    two.unsubscribe()
    expect(sockets.newest.last('unsubscribe')).toMatchObject({ channel: 'news' })
    sockets.newest.receive(message('news', 7, 'seven'))
    expect([first.data, second.data]).toEqual([[], ['six']])
  })

  it('one that throws does not keep the others from hearing, and is told of', async () => {
    const { client, sockets, shown, errors } = await onNews()
    const cause = new Error('boom')
    client.subscribe('news', () => {
      throw cause
    })
    client.subscribe('news', () => Promise.reject(cause))
    const { data, handler } = record()
    client.subscribe('news', handler)
    sockets.newest.receive(message('news', 6, 'six'))
    sockets.newest.receive(message('news', 7, 'seven'))
    await settled()
    expect([shown, data]).toEqual([
      ['six', 'seven'],
      ['six', 'seven'],
    ])
    expect(errors.map((error) => error.cause)).toEqual([cause, cause, cause, cause])
    expect(errors[0]).toMatchObject({ code: 'handler', message: 'a handler of news failed' })
    expect(client.state).toBe('connected')
  })

  it('may come and go while a message is shown', async () => {
    const { client, sockets } = await onNews()
    const { data, handler } = record()
    const late = record()
    client.subscribe('news', () => {
      second.unsubscribe()
      client.subscribe('news', late.handler)
    })
    const second = client.subscribe('news', handler)
    sockets.newest.receive(message('news', 6, 'six'))
    expect([data, late.data]).toEqual([[], []])
    sockets.newest.receive(message('news', 7, 'seven'))
    expect([data, late.data]).toEqual([[], ['seven']])
  })
})

describe('unsubscribe', () => {
  it('rejects a ready that was not answered', async () => {
    const { client } = await connected()
    const subscription = client.subscribe('news', () => undefined)
    subscription.unsubscribe()
    expect(await rejection(subscription.ready)).toMatchObject({ code: 'closed' })
  })

  it('and subscribe again in one breath starts anew: nothing of before is shown', async () => {
    const { client, sockets } = await connected()
    const first = record()
    const subscription = client.subscribe('news', first.handler)
    const firstAsked = sockets.newest.last('subscribe')
    subscription.unsubscribe()
    const second = record()
    client.subscribe('news', second.handler)
    const subscribed = { type: 'subscribed', epoch: 'e', recovered: false } as const
    sockets.newest.receive({ ...subscribed, ref: firstAsked.ref as number, channel: 'news', offset: 5 })
    sockets.newest.receive(message('news', 6, 'of the first'))
    sockets.newest.answer('unsubscribe', { type: 'unsubscribed' })
    sockets.newest.answer('subscribe', { ...subscribed, offset: 6 })
    sockets.newest.receive(message('news', 7, 'seven'))
    expect([first.data, second.data]).toEqual([[], ['seven']])
  })

  it('while disconnected leaves the channel out of the resume', async () => {
    const all = await onNews()
    const second = all.client.subscribe('chat', () => undefined)
    all.sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'c', offset: 1, recovered: false })
    all.sockets.newest.end(1006)
    second.unsubscribe()
    await all.time.pass(1000)
    all.sockets.newest.open()
    expect(all.sockets.newest.last('connect')['resume']).toEqual({
      '@inbox': { epoch: 'i', offset: 0 },
      news: { epoch: 'e', offset: 5 },
    })
  })
})

describe('resume', () => {
  it('goes on from the last message, with no subscribe', async () => {
    const all = await onNews()
    const { sockets, shown } = all
    sockets.newest.receive(message('news', 6, 'six'))
    await cutAndBack(all)
    sockets.newest.open()
    expect(sockets.newest.last('connect')).toMatchObject({ resume: { news: { epoch: 'e', offset: 6 } } })
    sockets.newest.welcome({
      channels: { '@inbox': INBOX_AT_0, news: { epoch: 'e', offset: 6, recovered: true } },
    })
    sockets.newest.receive(message('news', 7, 'seven'))
    expect(shown).toEqual(['six', 'seven'])
    expect(sockets.newest.types()).toEqual(['connect'])
  })

  it('a position is kept without traffic', async () => {
    const all = await onNews()
    await cutAndBack(all)
    all.sockets.newest.open()
    expect(all.sockets.newest.last('connect')['resume']).toEqual({
      '@inbox': { epoch: 'i', offset: 0 },
      news: { epoch: 'e', offset: 5 },
    })
  })

  it('a subscribe that was not answered is asked again', async () => {
    const all = await connected()
    const { client, sockets } = all
    const subscription = client.subscribe('news', () => undefined, { from: { last: 2 } })
    await cutAndBack(all)
    sockets.newest.welcome()
    expect(sockets.newest.last('subscribe')).toMatchObject({ channel: 'news', from: { last: 2 } })
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 5, recovered: true })
    await subscription.ready
  })

  it('ephemeral channels are subscribed to again', async () => {
    const all = await connected()
    const { data, handler } = record()
    all.client.subscribe('cursors', handler)
    all.sockets.newest.answer('subscribe', { type: 'subscribed', recovered: false })
    await cutAndBack(all)
    all.sockets.newest.welcome()
    expect(all.sockets.newest.types()).toEqual(['connect', 'subscribe'])
    all.sockets.newest.answer('subscribe', { type: 'subscribed', recovered: false })
    all.sockets.newest.receive(message('cursors', undefined, 1))
    expect(data).toEqual([1])
  })

  it('a channel that could not be restored for now is asked for again, from where the client is', async () => {
    const all = await onNews()
    const { sockets, time, shown, errors } = all
    await cutAndBack(all)
    sockets.newest.welcome({
      channels: { '@inbox': INBOX_AT_0, news: { recovered: false, error: 'unavailable' } },
    })
    expect(sockets.newest.types()).not.toContain('subscribe')
    await time.pass(500)
    expect(sockets.newest.last('subscribe')).toMatchObject({ from: { epoch: 'e', offset: 5 } })
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 5, recovered: true })
    sockets.newest.receive(message('news', 6, 'six'))
    expect(shown).toEqual(['six'])
    expect(errors).toEqual([])
  })

  it('a channel that cannot be restored ends with its error', async () => {
    const all = await connected()
    const errors: string[] = []
    all.client.subscribe('news', () => undefined, { onError: ({ code }) => errors.push(code) })
    all.sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 5, recovered: false })
    await cutAndBack(all)
    all.sockets.newest.welcome({
      channels: { '@inbox': INBOX_AT_0, news: { recovered: false, error: 'forbidden' } },
    })
    expect(errors).toEqual(['forbidden'])
    expect(all.errors).toEqual([])
    await cutAndBack(all)
    all.sockets.newest.open()
    expect(all.sockets.newest.last('connect')['resume']).not.toHaveProperty('news')
  })
})

describe('reset', () => {
  const RESET: ResetFrame = { type: 'reset', channel: 'news', epoch: 'f', offset: 70, reason: 'epoch' }

  it('is told to the subscription and to the client, and messages go on behind it', async () => {
    const { client, sockets } = await connected()
    const resets: ResetFrame[] = []
    const { data, handler } = record()
    client.subscribe('news', handler, { onReset: (reset) => resets.push(reset) })
    client.on('reset', (reset) => resets.push(reset))
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 500, recovered: false })
    sockets.newest.receive(RESET)
    sockets.newest.receive(message('news', 70, 'before'))
    sockets.newest.receive(message('news', 71, 'after'))
    expect(resets).toEqual([RESET, RESET])
    expect(data).toEqual(['after'])
  })

  it('is told at the moment that the gateway has drawn, also behind a cut, and messages do not wait for it', async () => {
    const all = await onNews()
    const { client, sockets, time } = all
    const told: string[] = []
    client.on('reset', ({ epoch }) => told.push(`event ${epoch}`))
    client.subscribe('news', () => told.push('message'), {
      onReset: ({ epoch }) => told.push(`reset ${epoch}`),
    })
    sockets.newest.receive({ ...RESET, delay: 5000 })
    sockets.newest.receive(message('news', 71, 'after'))
    expect(told).toEqual(['message'])
    await cutAndBack(all)
    await time.pass(5000)
    expect(told).toEqual(['message', 'event f', 'reset f'])
  })

  it('that comes while another waits is told in its place, at the earlier moment', async () => {
    const { client, sockets, time } = await onNews()
    const told: string[] = []
    client.on('reset', ({ epoch }) => told.push(epoch))
    sockets.newest.receive({ ...RESET, delay: 5000 })
    await time.pass(1000)
    sockets.newest.receive({ ...RESET, epoch: 'g', delay: 9000 })
    await time.pass(3000)
    expect(told).toEqual([])
    await time.pass(1000)
    expect(told).toEqual(['g'])
    sockets.newest.receive({ ...RESET, epoch: 'h', delay: 5000 })
    sockets.newest.receive({ ...RESET, epoch: 'i', delay: 0 })
    expect(told).toEqual(['g', 'i'])
    await time.pass(10_000)
    expect(told).toEqual(['g', 'i'])
  })

  it('that was not told before a cut is told after it', async () => {
    const all = await onNews()
    const { client, sockets } = all
    const resets: string[] = []
    client.on('reset', ({ epoch }) => resets.push(epoch))
    await cutAndBack(all)
    const lost = { '@inbox': INBOX_AT_0, news: { epoch: 'f', offset: 70, recovered: false } }
    sockets.newest.welcome({ channels: lost })
    await cutAndBack(all)
    await all.time.pass(1000)
    sockets.newest.open()
    expect(sockets.newest.last('connect')).toMatchObject({ resume: { news: { epoch: 'e', offset: 5 } } })
    sockets.newest.welcome({ channels: lost })
    sockets.newest.receive(RESET)
    expect(resets).toEqual(['f'])
  })

  it('a listener that throws is told of', async () => {
    const { client, sockets, errors } = await onNews()
    client.subscribe('news', () => undefined, {
      onReset() {
        throw new Error('boom')
      },
    })
    sockets.newest.receive(RESET)
    await settled()
    expect(errors).toMatchObject([{ code: 'handler' }])
  })
})

describe('a refused subscription', () => {
  it('ends with its error: ready rejects, onError is told, and the channel is free again', async () => {
    const { client, sockets, errors } = await connected()
    const told: unknown[] = []
    const subscription = client.subscribe('secret', () => undefined, { onError: (error) => told.push(error) })
    sockets.newest.answer('subscribe', {
      type: 'error',
      code: 'forbidden',
      message: 'not allowed',
      retryable: false,
    })
    expect(await rejection(subscription.ready)).toMatchObject({ code: 'forbidden', message: 'not allowed' })
    expect(told).toMatchObject([{ code: 'forbidden' }])
    expect(errors).toEqual([])
    client.subscribe('secret', () => undefined, { from: { last: 1 } })
    expect(sockets.newest.last('subscribe')).toMatchObject({ from: { last: 1 } })
    subscription.unsubscribe()
    expect(sockets.newest.types()).not.toContain('unsubscribe')
  })

  it('is told by the error event where there is no onError', async () => {
    const { client, sockets, errors } = await connected()
    client.subscribe('secret', () => undefined)
    sockets.newest.answer('subscribe', { type: 'error', code: 'forbidden', message: 'no', retryable: false })
    expect(errors).toMatchObject([{ code: 'forbidden' }])
  })

  it('is asked for again, with growing pauses, where that may help', async () => {
    const { client, sockets, time, errors } = await connected()
    const subscription = client.subscribe('news', () => undefined)
    const asked = (): number => sockets.newest.types().filter((type) => type === 'subscribe').length
    const away = { type: 'error', code: 'unavailable', message: 'away', retryable: true } as const
    sockets.newest.answer('subscribe', away)
    await time.pass(499)
    expect(asked()).toBe(1)
    await time.pass(1)
    expect(asked()).toBe(2)
    sockets.newest.answer('subscribe', away)
    await time.pass(999)
    expect(asked()).toBe(2)
    await time.pass(1)
    expect(asked()).toBe(3)
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 5, recovered: false })
    await subscription.ready
    expect(errors).toEqual([])
  })

  it('is not asked for again on a connection that has gone, or once it was left', async () => {
    const all = await connected()
    const { client, sockets, time } = all
    const away = { type: 'error', code: 'unavailable', message: 'away', retryable: true } as const
    const left = client.subscribe('left', () => undefined)
    sockets.newest.answer('subscribe', away)
    left.unsubscribe()
    client.subscribe('kept', () => undefined)
    sockets.newest.answer('subscribe', away)
    await cutAndBack(all)
    sockets.newest.welcome()
    await time.pass(5000)
    expect(sockets.newest.sent.filter(({ type }) => type === 'subscribe')).toMatchObject([
      { channel: 'kept' },
    ])
  })

  it('may be one that the gateway ends later, since a fresh token does not allow it', async () => {
    const { client, sockets } = await connected()
    const told: string[] = []
    client.subscribe('news', () => undefined, { onError: ({ code }) => told.push(code) })
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 5, recovered: false })
    sockets.newest.receive({ type: 'unsubscribed', channel: 'news' })
    expect(told).toEqual(['forbidden'])
    client.subscribe('news', () => undefined)
    expect(sockets.newest.types().filter((type) => type === 'subscribe').length).toBe(2)
  })

  it('an end of before does not end what was asked for since', async () => {
    const { client, sockets } = await connected()
    const told: string[] = []
    client.subscribe('news', () => undefined, { onError: ({ code }) => told.push(code) })
    sockets.newest.receive({ type: 'unsubscribed', channel: 'news' })
    expect(told).toEqual([])
  })
})

describe('inbox', () => {
  it('needs no subscribe, is ready with the welcome, and hears what is published to the user', async () => {
    const { client, sockets } = fixture()
    const { data, handler } = record()
    const inbox = client.inbox(handler)
    void client.connect()
    await settled()
    sockets.newest.welcome()
    await inbox.ready
    sockets.newest.receive(message('@inbox', 1, 'for you'))
    expect(sockets.newest.types()).toEqual(['connect'])
    expect(data).toEqual(['for you'])
    expect(inbox).toMatchObject({ channel: '@inbox', position: { epoch: 'i', offset: 1 } })
  })

  it('resumes from its position', async () => {
    const all = await connected()
    const { data, handler } = record()
    all.client.inbox(handler)
    all.sockets.newest.receive(message('@inbox', 1, 'one'))
    await cutAndBack(all)
    all.sockets.newest.open()
    expect(all.sockets.newest.last('connect')).toMatchObject({
      resume: { '@inbox': { epoch: 'i', offset: 1 } },
    })
    all.sockets.newest.welcome({ channels: { '@inbox': { epoch: 'i', offset: 1, recovered: true } } })
    all.sockets.newest.receive(message('@inbox', 1, 'again'))
    all.sockets.newest.receive(message('@inbox', 2, 'two'))
    expect(data).toEqual(['one', 'two'])
  })

  it('is not left when its last handler goes', async () => {
    const { client, sockets } = await connected()
    const { data, handler } = record()
    client.inbox(handler).unsubscribe()
    expect(sockets.newest.types()).not.toContain('unsubscribe')
    client.inbox(handler)
    sockets.newest.receive(message('@inbox', 1, 'still here'))
    expect(data).toEqual(['still here'])
  })
})

describe('acknowledgements', () => {
  /** Connected, with one handler on a durable channel. */
  async function onOrders(handler: (data: unknown) => unknown): Promise<
    Fixture & {
      readonly deliver: (...offsets: number[]) => Promise<void>
      readonly acks: () => unknown[]
    }
  > {
    const all = await connected()
    const { sockets } = all
    all.client.subscribe('orders', ({ data }) => handler(data))
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'o', offset: 0, recovered: false })
    return {
      ...all,
      async deliver(...offsets) {
        for (const offset of offsets)
          sockets.newest.receive({ ...message('orders', offset, offset), ack: true })
        await settled()
      },
      acks: () => sockets.newest.sent.filter(({ type }) => type === 'ack'),
    }
  }

  it('follow the handler, one for all messages of a moment', async () => {
    const { time, deliver, acks } = await onOrders(() => undefined)
    await deliver(1, 2, 3)
    expect(acks()).toEqual([])
    await time.pass(100)
    expect(acks()).toEqual([{ type: 'ack', channel: 'orders', offset: 3 }])
    await deliver(4)
    await time.pass(100)
    expect(acks().length).toBe(2)
  })

  it('wait for the promise of the handler, and for those of the messages before', async () => {
    const done = new Map<unknown, () => void>()
    const { time, deliver, acks } = await onOrders(
      (data) => new Promise<void>((resolve) => void done.set(data, resolve)),
    )
    await deliver(1, 2, 3)
    done.get(2)?.()
    await settled()
    await time.pass(100)
    expect(acks()).toEqual([])
    done.get(1)?.()
    await settled()
    await time.pass(100)
    expect(acks()).toEqual([{ type: 'ack', channel: 'orders', offset: 2 }])
  })

  it('stop at a message whose handler failed: an acknowledgement covers everything before it', async () => {
    const { time, deliver, acks, errors } = await onOrders((data) => {
      if (data === 2) throw new Error('boom')
    })
    await deliver(1, 2, 3)
    await time.pass(1000)
    expect(acks()).toEqual([{ type: 'ack', channel: 'orders', offset: 1 }])
    expect(errors.length).toBe(1)
  })

  it('are not sent for what no channel asks for, nor for what nobody handles', async () => {
    const { sockets, time, deliver, acks, client } = await onOrders(() => undefined)
    sockets.newest.receive(message('orders', 1, 1))
    sockets.newest.receive({ ...message('@inbox', 1, 1), ack: true })
    await time.pass(1000)
    expect(acks()).toEqual([])
    await deliver(2)
    client.close()
    expect(acks()).toEqual([{ type: 'ack', channel: 'orders', offset: 2 }])
  })

  it('are said again after a reconnect', async () => {
    const all = await onOrders(() => undefined)
    await all.deliver(1, 2)
    await cutAndBack(all)
    all.sockets.newest.welcome({
      channels: { '@inbox': INBOX_AT_0, orders: { epoch: 'o', offset: 2, recovered: true } },
    })
    await all.time.pass(100)
    expect(all.acks()).toEqual([{ type: 'ack', channel: 'orders', offset: 2 }])
  })

  it('wait for a channel that a welcome could not restore, until the gateway has the client on it again', async () => {
    const all = await onOrders(() => undefined)
    const { sockets, time, deliver, acks, errors } = all
    await deliver(1, 2)
    await cutAndBack(all)
    sockets.newest.welcome({
      channels: { '@inbox': INBOX_AT_0, orders: { recovered: false, error: 'unavailable' } },
    })
    await time.pass(5000)
    expect(acks()).toEqual([])
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'o', offset: 2, recovered: true })
    await time.pass(100)
    expect(acks()).toEqual([{ type: 'ack', channel: 'orders', offset: 2 }])
    expect(errors).toEqual([])
  })

  it('go before the unsubscribe, and what is handled after it is not acknowledged', async () => {
    let done: () => void = () => undefined
    const all = await connected()
    const { client, sockets, time } = all
    const subscription = client.subscribe('orders', ({ data }) =>
      data === 1 ? undefined : new Promise<void>((resolve) => (done = resolve)),
    )
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'o', offset: 0, recovered: false })
    for (const offset of [1, 2]) sockets.newest.receive({ ...message('orders', offset, offset), ack: true })
    await settled()
    subscription.unsubscribe()
    done()
    await settled()
    await time.pass(1000)
    const { sent } = sockets.newest
    expect(sent.filter(({ type }) => /ack|unsubscribe/.test(type))).toMatchObject([
      { type: 'ack', offset: 1 },
      { type: 'unsubscribe' },
    ])
  })

  it("of one user's inbox are not said for the next", async () => {
    const all = await connected()
    const { client, sockets, time } = all
    client.inbox(() => undefined)
    sockets.newest.receive({ ...message('@inbox', 7, 'for alice'), ack: true })
    await settled()
    client.close()
    void client.connect()
    await settled()
    sockets.newest.welcome({
      user: 'bob',
      channels: { '@inbox': { epoch: 'i', offset: 9, recovered: false } },
    })
    await time.pass(1000)
    expect(sockets.newest.sent.filter(({ type }) => type === 'ack')).toEqual([])
  })

  it('of before a reset mean nothing after it', async () => {
    const done: (() => void)[] = []
    const { sockets, time, deliver, acks } = await onOrders(
      (data) => data === 8 || new Promise<void>((resolve) => done.push(resolve)),
    )
    await deliver(7)
    sockets.newest.receive({ type: 'reset', channel: 'orders', epoch: 'p', offset: 0, reason: 'epoch' })
    for (const finish of done) finish()
    await settled()
    await time.pass(1000)
    expect(acks()).toEqual([])
    await deliver(8)
    await time.pass(1000)
    expect(acks()).toEqual([{ type: 'ack', channel: 'orders', offset: 8 }])
  })
})
