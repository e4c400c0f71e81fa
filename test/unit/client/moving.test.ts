import { describe, expect, it } from 'vitest'
import type { ReconnectFrame } from '../../../src/dialect/sluice-v1/frames.ts'
import { connected, message, record, type Fixture } from './fixture.ts'
import { settled } from './manual-time.ts'

const ASKED: ReconnectFrame = { type: 'reconnect', delay: 2000, deadline: 30_000, reason: 'drain' }

interface Moving extends Fixture {
  readonly shown: unknown[]
}

/** Subscribed to `news` at offset 5, asked to move, and the second socket is there. */
async function moving(asked: Partial<ReconnectFrame> = {}): Promise<Moving> {
  const all = await connected({ token: () => 'token-1' })
  const { data, handler } = record()
  all.client.subscribe('news', handler)
  all.sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 5, recovered: false })
  all.states.length = 0
  all.sockets.newest.receive({ ...ASKED, ...asked })
  await all.time.pass(asked.delay ?? ASKED.delay)
  return { ...all, shown: data }
}

const RESTORED = {
  resumed: true,
  node: 'node-2',
  channels: {
    '@inbox': { epoch: 'i', offset: 0, recovered: true },
    news: { epoch: 'e', offset: 5, recovered: true },
  },
} as const

describe('a move', () => {
  it('waits for the delay, opens a second connection with the session and the positions, and keeps the first', async () => {
    const { client, sockets, time } = await connected()
    sockets.newest.receive(ASKED)
    await time.pass(1999)
    expect(sockets.count).toBe(1)
    await time.pass(1)
    expect(sockets.count).toBe(2)
    expect(client.state).toBe('moving')
    sockets.newest.open()
    expect(sockets.newest.last('connect')).toMatchObject({
      session: 'session-1',
      resume: { '@inbox': { epoch: 'i', offset: 0 } },
    })
    expect(sockets.at(0).state).toBe('open')
  })

  it('goes to the address of the frame, and later reconnects to its own', async () => {
    const { sockets, time } = await moving({ url: 'wss://node-7.example/v1/ws' })
    expect(sockets.newest.url).toBe('wss://node-7.example/v1/ws?resume=1&move=0')
    sockets.newest.welcome(RESTORED)
    sockets.newest.end(1006)
    await time.pass(1000)
    expect(sockets.newest.url).toBe('wss://gateway.example/v1/ws?resume=1')
  })

  it.each([
    ['without TLS, where it was told over TLS', 'ws://node-7.example/v1/ws'],
    ['that is no WebSocket', 'https://node-7.example/v1/ws'],
    ['that is a script', 'javascript:alert(1)'],
    ['that is none', ''],
  ])('goes to its own address instead of one %s', async (_name, url) => {
    const { sockets } = await moving({ url })
    expect(sockets.newest.url).toBe('wss://gateway.example/v1/ws?resume=1&move=0')
  })

  it('shows the ticket that the gateway gave last, at each connection after that', async () => {
    const { sockets, time } = await moving()
    expect(sockets.newest.url).toBe('wss://gateway.example/v1/ws?resume=1&move=0')
    sockets.newest.welcome({ ...RESTORED, ticket: 'owner-01.anrs.0123' })
    sockets.newest.end(1006)
    await time.pass(1000)
    expect(sockets.newest.url).toBe('wss://gateway.example/v1/ws?resume=owner-01.anrs.0123')
    sockets.newest.welcome({ ...RESTORED, ticket: 'owner-01.ans0.4567' })
    sockets.newest.receive({ type: 'reauth', deadline: 1000 })
    await settled()
    sockets.newest.answer('auth', { type: 'authenticated', ticket: 'owner-01.ans9.89ab' })
    sockets.newest.end(1006)
    await time.pass(1000)
    expect(sockets.newest.url).toBe('wss://gateway.example/v1/ws?resume=owner-01.ans9.89ab')
  })

  it('switches at the welcome, closes the first connection with 1000, and was connected all the time', async () => {
    const { client, sockets, states } = await moving()
    sockets.newest.welcome(RESTORED)
    expect(sockets.at(0).closedByClient).toBe(1000)
    expect(states).toEqual(['moving', 'connected'])
    expect(client.state).toBe('connected')
    expect(sockets.newest.types()).toEqual(['connect'])
  })

  it('shows what comes over both connections once, and in order', async () => {
    const { sockets, shown } = await moving()
    const [first, second] = [sockets.at(0), sockets.at(1)]
    first.receive(message('news', 6, 'six'))
    second.open()
    first.receive(message('news', 7, 'seven'))
    second.welcome(RESTORED)
    for (const offset of [6, 7, 8]) second.receive(message('news', offset, `again ${offset}`))
    first.receive(message('news', 8, 'late over the first'))
    expect(shown).toEqual(['six', 'seven', 'again 8'])
  })

  it('hears only the first connection before the welcome of the second', async () => {
    const { sockets, shown } = await moving()
    sockets.newest.open()
    sockets.newest.receive(message('news', 6, 'too early'))
    sockets.newest.receive({ type: 'reset', channel: 'news', epoch: 'x', offset: 0, reason: 'gap' })
    sockets.at(0).receive(message('news', 6, 'six'))
    expect(shown).toEqual(['six'])
  })

  it('counts the first connection as moved where the gateway takes the session over before its welcome arrives', async () => {
    const { client, sockets, states, errors } = await moving()
    sockets.newest.open()
    sockets.at(0).end(4409)
    expect(client.state).toBe('arriving')
    sockets.newest.welcome(RESTORED)
    expect(states).toEqual(['moving', 'arriving', 'connected'])
    expect(errors).toEqual([])
  })

  it('that arrives nowhere comes back', async () => {
    const { client, sockets, states, time } = await moving()
    sockets.newest.open()
    sockets.at(0).end(4409)
    sockets.newest.end(1006)
    expect(states).toEqual(['moving', 'arriving', 'waiting'])
    await time.pass(1000)
    sockets.newest.welcome(RESTORED)
    expect(client.state).toBe('connected')
  })

  it('4409 before anything was said on the second connection is no work of the client', async () => {
    const { sockets, states } = await moving()
    sockets.at(0).end(4409)
    expect(states).toEqual(['moving', 'connecting'])
  })

  it('goes on as a reconnect where the first connection is lost', async () => {
    const { sockets, states } = await moving()
    sockets.newest.open()
    sockets.at(0).end(1006)
    expect(states).toEqual(['moving', 'connecting'])
    sockets.newest.welcome(RESTORED)
    expect(states.at(-1)).toBe('connected')
    expect(sockets.count).toBe(2)
  })

  it('that fails keeps the first connection, and is tried again with growing pauses', async () => {
    const { client, sockets, time, states, shown } = await moving()
    sockets.newest.end(1006)
    expect(client.state).toBe('connected')
    sockets.at(0).receive(message('news', 6, 'six'))
    await time.pass(500)
    expect(sockets.count).toBe(3)
    sockets.newest.end(4503)
    await time.pass(999)
    expect(sockets.count).toBe(3)
    await time.pass(1)
    expect(sockets.count).toBe(4)
    sockets.newest.welcome(RESTORED)
    expect(states).toEqual(['moving', 'connected', 'moving', 'connected', 'moving', 'connected'])
    expect(shown).toEqual(['six'])
    expect(sockets.at(0).closedByClient).toBe(1000)
  })

  it('is not tried again after the deadline; the first connection stays for as long as the gateway lets it', async () => {
    const { client, sockets, time } = await moving({ deadline: 5000 })
    for (let attempt = 0; attempt < 10 && client.state === 'moving'; attempt++) {
      sockets.newest.end(1006)
      await time.pass(time.pendingMs[0] as number)
    }
    expect(client.state).toBe('connected')
    expect(sockets.count).toBeLessThan(5)
    sockets.at(0).end(1012)
    expect(client.state).toBe('waiting')
    await time.pass(0)
    sockets.newest.welcome(RESTORED)
    expect(client.state).toBe('connected')
  })

  it('with a token that has expired gets a fresh one, on the second connection', async () => {
    const tokens = ['token-1', 'token-2']
    const { client, sockets, time } = await connected({ token: () => tokens.shift() as string })
    sockets.newest.receive(ASKED)
    await time.pass(2000)
    sockets.newest.open()
    sockets.newest.end(4401)
    expect(client.state).toBe('connected')
    await time.pass(0)
    sockets.newest.open()
    expect(sockets.newest.last('connect')).toMatchObject({ token: 'token-2' })
  })

  it('that is refused for good is told of and not repeated', async () => {
    const { client, sockets, time, errors } = await moving({ url: 'wss://elsewhere.example' })
    sockets.refusal = new SyntaxError('bad')
    sockets.newest.end(1006)
    await time.pass(500)
    expect(errors).toMatchObject([{ code: 'bad_request' }])
    expect(client.state).toBe('connected')
    await time.pass(20_000)
    expect(client.state).toBe('connected')
    expect(errors.length).toBe(1)
  })

  it('without a welcome in time is given up', async () => {
    const { client, sockets, time } = await moving()
    sockets.newest.open()
    await time.pass(20_000)
    expect(sockets.at(1).state).toBe('closed')
    expect(client.state).toBe('connected')
  })

  it('asked for again takes the newer terms', async () => {
    const { client, sockets, time } = await connected()
    sockets.newest.receive(ASKED)
    sockets.newest.receive({ ...ASKED, delay: 100, url: 'wss://node-8.example' })
    await time.pass(100)
    expect(sockets.newest.url).toBe('wss://node-8.example?resume=1&move=0')
    sockets.newest.welcome()
    await time.pass(10_000)
    expect(sockets.count).toBe(2)
    expect(client.state).toBe('connected')
  })

  it('is not made where the connection is lost before', async () => {
    const { client, sockets, time } = await connected()
    sockets.newest.receive({ ...ASKED, delay: 100, url: 'wss://node-8.example' })
    sockets.newest.end(1006)
    await time.pass(500)
    expect(sockets.newest.url).toBe('wss://gateway.example/v1/ws?resume=1')
    sockets.newest.welcome()
    await time.pass(10_000)
    expect(client.state).toBe('connected')
    expect(sockets.count).toBe(2)
  })

  it('may be followed by another', async () => {
    const { client, sockets, time, states } = await moving()
    sockets.newest.welcome(RESTORED)
    sockets.newest.receive({ ...ASKED, delay: 0 })
    await time.pass(0)
    sockets.newest.welcome(RESTORED)
    expect(sockets.all.map(({ closedByClient }) => closedByClient)).toEqual([1000, 1000, undefined])
    expect(states).toEqual(['moving', 'connected', 'moving', 'connected'])
    client.close()
    expect(sockets.newest.closedByClient).toBe(1000)
  })

  it('close ends both connections', async () => {
    const { client, sockets, time } = await moving()
    sockets.newest.open()
    client.close()
    expect(sockets.all.map(({ closedByClient }) => closedByClient)).toEqual([1000, 1000])
    expect(time.pendingMs).toEqual([])
  })
})

describe('what changes during a move', () => {
  it('a channel that is new since connect is asked for on the second connection too', async () => {
    const { client, sockets } = await moving()
    sockets.newest.open()
    const { data, handler } = record()
    client.subscribe('late', handler, { from: { last: 3 } })
    expect(sockets.at(0).last('subscribe')).toMatchObject({ channel: 'late' })
    sockets.newest.welcome(RESTORED)
    expect(sockets.newest.last('subscribe')).toMatchObject({ channel: 'late', from: { last: 3 } })
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'l', offset: 1, recovered: true })
    sockets.newest.receive(message('late', 2, 'two'))
    expect(data).toEqual(['two'])
  })

  it('a channel that got its position after connect goes on from there', async () => {
    const { client, sockets, time } = await connected()
    const { data, handler } = record()
    client.subscribe('fresh', handler)
    sockets.at(0).receive({ ...ASKED, delay: 0 })
    await time.pass(0)
    sockets.newest.open()
    const asked = sockets.newest.last('subscribe')
    expect(asked).not.toHaveProperty('from')
    sockets.at(0).answer('subscribe', { type: 'subscribed', epoch: 'f', offset: 10, recovered: false })
    sockets.at(0).receive(message('fresh', 11, 'eleven'))
    sockets.newest.welcome()
    expect(sockets.newest.last('subscribe')).toMatchObject({ from: { epoch: 'f', offset: 11 } })
    // The answer to the first question: 12 is behind the client by then and must not be left out.
    sockets.newest.receive({
      ...asked,
      type: 'subscribed',
      epoch: 'f',
      offset: 12,
      recovered: false,
    } as never)
    sockets.newest.receive(message('fresh', 13, 'not yet'))
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'f', offset: 11, recovered: true })
    for (const offset of [12, 13]) sockets.newest.receive(message('fresh', offset, offset))
    expect(data).toEqual(['eleven', 12, 13])
  })

  it('a channel that was left since connect is left on the second connection too', async () => {
    const { client, sockets, time } = await connected()
    const subscription = client.subscribe('news', () => undefined)
    sockets.at(0).answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 5, recovered: false })
    sockets.at(0).receive({ ...ASKED, delay: 0 })
    await time.pass(0)
    sockets.newest.open()
    subscription.unsubscribe()
    expect(sockets.at(0).last('unsubscribe')).toMatchObject({ channel: 'news' })
    sockets.newest.welcome(RESTORED)
    expect(sockets.newest.last('unsubscribe')).toMatchObject({ channel: 'news' })
  })

  it('an unanswered publish is sent again over the second connection, with its id', async () => {
    const { client, sockets } = await moving()
    const published = client.publish('chat', 'hello')
    const { ref, id } = sockets.at(0).last('publish')
    sockets.newest.welcome(RESTORED)
    expect(sockets.newest.last('publish')).toMatchObject({ ref, id, data: 'hello' })
    sockets.newest.answer('publish', { type: 'published', epoch: 'c', offset: 3, duplicate: true })
    expect(await published).toEqual({ position: { epoch: 'c', offset: 3 }, duplicate: true })
  })

  it('a presence request is sent again over the second connection', async () => {
    const { client, sockets } = await moving()
    const users = client.presence('room')
    sockets.newest.welcome(RESTORED)
    sockets.newest.answer('presence', { type: 'presence', users: ['alice'] })
    expect(await users).toEqual(['alice'])
  })

  it('ephemeral channels are asked for right behind connect', async () => {
    const { client, sockets, time } = await connected()
    const { data, handler } = record()
    client.subscribe('cursors', handler)
    sockets.at(0).answer('subscribe', { type: 'subscribed', recovered: false })
    sockets.at(0).receive({ ...ASKED, delay: 0 })
    await time.pass(0)
    sockets.newest.open()
    expect(sockets.newest.types()).toEqual(['connect', 'subscribe'])
    sockets.at(0).receive(message('cursors', undefined, 1))
    sockets.newest.welcome()
    sockets.newest.answer('subscribe', { type: 'subscribed', recovered: false })
    sockets.newest.receive(message('cursors', undefined, 2))
    expect(sockets.newest.types()).toEqual(['connect', 'subscribe'])
    expect(data).toEqual([1, 2])
  })
})
