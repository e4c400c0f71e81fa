import { describe, expect, it, vi } from 'vitest'
import { WebSocketClient as SluiceClient } from '../../../src/client/client.ts'
import { UNANSWERED_MAX } from '../../../src/client/requests.ts'
import { connected, cutAndBack, fixture, rejection } from './fixture.ts'
import { settled } from './manual-time.ts'

describe('publish', () => {
  it('resolves with the place in the log', async () => {
    const { client, sockets } = await connected()
    const published = client.publish('chat', { text: 'hello' })
    expect(sockets.newest.last('publish')).toMatchObject({ channel: 'chat', data: { text: 'hello' } })
    sockets.newest.answer('publish', { type: 'published', epoch: 'c', offset: 3 })
    expect(await published).toEqual({ position: { epoch: 'c', offset: 3 }, duplicate: false })
  })

  it('has no position on an ephemeral channel', async () => {
    const { client, sockets } = await connected()
    const published = client.publish('cursors', 1)
    sockets.newest.answer('publish', { type: 'published' })
    expect(await published).toEqual({ position: undefined, duplicate: false })
  })

  it('draws an id where none is given, a new one each time', async () => {
    const { client, sockets, time } = await connected()
    time.nextRandom = 0.123456789
    void client.publish('chat', 1)
    time.nextRandom = 0.987654321
    void client.publish('chat', 1)
    void client.publish('chat', 1, { id: 'mine' })
    const ids = sockets.newest.sent.filter(({ type }) => type === 'publish').map(({ id }) => id as string)
    expect(ids[2]).toBe('mine')
    expect(ids[0]).not.toBe(ids[1])
    for (const id of ids.slice(0, 2)) expect(id).toMatch(/^[0-9a-z]{8,32}$/)
  })

  it('sends bytes as they are', async () => {
    const { client, sockets } = await connected()
    const bytes = new Uint8Array([0, 1, 254, 255])
    void client.publish('chat', bytes, { id: 'b' })
    expect(sockets.newest.last('publish')).toEqual({
      type: 'publish',
      ref: expect.any(Number) as number,
      channel: 'chat',
      id: 'b',
      data: bytes,
    })
  })

  it('says what it was given then, whatever becomes of the object', async () => {
    const { client, sockets } = fixture()
    const data = { text: 'then' }
    void client.publish('chat', data)
    data.text = 'later'
    void client.connect()
    await settled()
    sockets.newest.welcome()
    expect(sockets.newest.last('publish')).toMatchObject({ data: { text: 'then' } })
  })

  it('rejects what JSON has no form of', async () => {
    const { client } = await connected()
    expect(await rejection(client.publish('chat', 1n))).toBeInstanceOf(TypeError)
  })

  it('while disconnected waits for the next connection, in order', async () => {
    const all = await connected()
    all.sockets.newest.end(1006)
    void all.client.publish('chat', 1)
    void all.client.publish('chat', 2)
    await all.time.pass(1000)
    all.sockets.newest.open()
    expect(all.sockets.newest.types()).toEqual(['connect'])
    all.sockets.newest.welcome()
    expect(all.sockets.newest.sent.filter(({ type }) => type === 'publish').map(({ data }) => data)).toEqual([
      1, 2,
    ])
  })

  it('that was not answered is repeated with the same id after a reconnect; one that was is not', async () => {
    const all = await connected()
    const first = all.client.publish('chat', 'answered')
    all.sockets.newest.answer('publish', { type: 'published', epoch: 'c', offset: 1 })
    await first
    const second = all.client.publish('chat', 'unanswered')
    const { id } = all.sockets.newest.last('publish')
    await cutAndBack(all)
    all.sockets.newest.welcome()
    const repeated = all.sockets.newest.sent.filter(({ type }) => type === 'publish')
    expect(repeated).toMatchObject([{ data: 'unanswered', id }])
    all.sockets.newest.answer('publish', { type: 'published', epoch: 'c', offset: 2, duplicate: true })
    expect(await second).toEqual({ position: { epoch: 'c', offset: 2 }, duplicate: true })
  })

  it('rejects with timeout where no answer came in time, and is not repeated then', async () => {
    const all = await connected({ requestTimeoutMs: 5000 })
    const late = rejection(all.client.publish('chat', 1))
    await all.time.pass(5000)
    expect(await late).toMatchObject({ code: 'timeout', retryable: true })
    // The answer comes after all: nobody waits for it.
    all.sockets.newest.answer('publish', { type: 'published', epoch: 'c', offset: 1 })
    await cutAndBack(all)
    all.sockets.newest.welcome()
    expect(all.sockets.newest.types()).not.toContain('publish')
  })

  it('stops its timer with the answer', async () => {
    const { client, sockets, time } = await connected({ requestTimeoutMs: 5000 })
    const published = client.publish('chat', 1)
    expect(time.pendingMs).toContain(5000)
    sockets.newest.answer('publish', { type: 'published' })
    await published
    expect(time.pendingMs).not.toContain(5000)
  })

  it('rejects at once where too many are unanswered', async () => {
    const { client, sockets } = await connected()
    for (let count = 0; count < UNANSWERED_MAX; count++) client.publish('chat', count).catch(() => undefined)
    expect(await rejection(client.publish('chat', 'one more'))).toMatchObject({ code: 'limit_exceeded' })
    sockets.newest.answer('publish', { type: 'published' })
    await settled()
    const room = rejection(client.publish('chat', 'room again'))
    expect(sockets.newest.last('publish')).toMatchObject({ data: 'room again' })
    client.close()
    expect(await room).toMatchObject({ code: 'closed' })
  })

  it('rejects with closed where the client closes, or is closed', async () => {
    const { client } = await connected()
    const pending = rejection(client.publish('chat', 1))
    client.close()
    expect(await pending).toMatchObject({ code: 'closed' })
    expect(await rejection(client.publish('chat', 2))).toMatchObject({ code: 'closed' })
  })
})

describe('presence', () => {
  it('resolves with the users', async () => {
    const { client, sockets } = await connected()
    const users = client.presence('room')
    expect(sockets.newest.last('presence')).toMatchObject({ channel: 'room' })
    sockets.newest.answer('presence', { type: 'presence', users: ['alice', 'bob'] })
    expect(await users).toEqual(['alice', 'bob'])
  })

  it('rejects with unavailable where the connection is lost, or there is none', async () => {
    const all = await connected()
    const users = rejection(all.client.presence('room'))
    all.sockets.newest.end(1006)
    expect(await users).toMatchObject({ code: 'unavailable', retryable: true })
    expect(await rejection(all.client.presence('room'))).toMatchObject({ code: 'unavailable' })
    await all.time.pass(1000)
    all.sockets.newest.welcome()
    expect(all.sockets.newest.types()).not.toContain('presence')
  })

  it('joins and leaves are events', async () => {
    const { client, sockets } = await connected()
    const seen: string[] = []
    client.on('join', ({ user }) => seen.push(`+${user}`))
    client.on('leave', ({ user }) => seen.push(`-${user}`))
    sockets.newest.receive({ type: 'join', channel: 'room', user: 'bob' })
    sockets.newest.receive({ type: 'leave', channel: 'room', user: 'bob' })
    expect(seen).toEqual(['+bob', '-bob'])
  })
})

describe('events', () => {
  it('a listener that throws does not keep the others from hearing, and is told of', async () => {
    const { client, sockets, errors } = fixture()
    const cause = new Error('boom')
    const heard: string[] = []
    client.on('state', () => {
      throw cause
    })
    client.on('state', ({ state }) => heard.push(state))
    void client.connect()
    await settled()
    sockets.newest.welcome()
    expect(heard).toEqual(['connecting', 'connected'])
    expect(errors.map((error) => error.cause)).toEqual([cause, cause])
  })

  it('a listener that was stopped hears nothing more', async () => {
    const { client, sockets } = await connected()
    const heard: string[] = []
    const stop = client.on('reset', ({ channel }) => heard.push(channel))
    sockets.newest.receive({ type: 'reset', channel: 'a', epoch: 'e', offset: 1, reason: 'gap' })
    stop()
    stop()
    sockets.newest.receive({ type: 'reset', channel: 'b', epoch: 'e', offset: 1, reason: 'gap' })
    expect(heard).toEqual(['a'])
  })

  it('an error that nobody listens to goes to the console, and so does one of an error listener', () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    try {
      const { sockets, time } = fixture()
      const client = new SluiceClient({ url: 'no address', WebSocket: sockets.WebSocket, time })
      const cause = new Error('boom')
      const throwing = (): never => {
        throw cause
      }
      client.on('state', throwing)
      client.close()
      expect(logged.mock.calls.flat()).toMatchObject([{ code: 'handler', cause }])
      client.on('error', throwing)
      void client.connect()
      expect(logged.mock.calls.flat().slice(1)).toEqual([cause])
    } finally {
      logged.mockRestore()
    }
  })
})
