import { describe, expect, it } from 'vitest'
import { WebSocketClient as SluiceClient } from '../../../src/client/client.ts'
import { ClientError } from '../../../src/client/errors.ts'
import { SETTLED_MS } from '../../../src/client/retry.ts'
import { connected, cutAndBack, fixture, rejection } from './fixture.ts'
import { settled } from './manual-time.ts'

describe('connecting', () => {
  it('opens one socket with the subprotocol, and says connect with the token', async () => {
    const { client, sockets } = fixture()
    void client.connect()
    await settled()
    expect(sockets.count).toBe(1)
    const socket = sockets.newest
    expect(socket).toMatchObject({ url: 'wss://gateway.example/v1/ws', protocol: 'sluice.v1' })
    expect(socket.binaryType).toBe('arraybuffer')
    socket.open()
    expect(socket.sent).toEqual([
      { type: 'connect', token: 'token-1', resume: {}, client: { name: 'sluice-js', version: '0.1.0' } },
    ])
  })

  it('does nothing before connect', async () => {
    const { client, sockets } = fixture()
    client.subscribe('news', () => undefined)
    await settled()
    expect(sockets.count).toBe(0)
    expect(client.state).toBe('idle')
  })

  it('resolves connect, and tells the states and the welcome', async () => {
    const { client, sockets, states } = fixture()
    const welcomes: string[] = []
    client.on('welcome', ({ user }) => welcomes.push(user))
    const connecting = client.connect()
    await settled()
    sockets.newest.welcome()
    await connecting
    expect(states).toEqual(['connecting', 'connected'])
    expect(welcomes).toEqual(['alice'])
    await client.connect()
    expect(sockets.count).toBe(1)
  })

  it('leaves the token out where there is none', async () => {
    const { client, sockets } = fixture({ token: undefined as unknown as string })
    void client.connect()
    await settled()
    sockets.newest.open()
    expect(sockets.newest.last('connect')).not.toHaveProperty('token')
  })

  it('gives up an attempt without a welcome in time, and comes back', async () => {
    const { client, sockets, time, states } = fixture({ connectTimeoutMs: 5000 })
    void client.connect()
    await settled()
    sockets.newest.open()
    await time.pass(4999)
    expect(client.state).toBe('connecting')
    await time.pass(1)
    expect(sockets.newest.closedByClient).toBe(1000)
    expect(states).toEqual(['connecting', 'waiting'])
    await time.next()
    expect(sockets.count).toBe(2)
  })

  it('nothing of an attempt that was given up is heard', async () => {
    const { client, sockets, time } = fixture({ connectTimeoutMs: 5000 })
    void client.connect()
    await settled()
    await time.pass(5000)
    sockets.at(0).open()
    sockets.at(0).welcome()
    sockets.at(0).end(4403)
    expect(sockets.at(0).sent).toEqual([])
    expect(client.state).toBe('waiting')
  })

  it('refuses to be made without a WebSocket, and says what to do', () => {
    const own = globalThis.WebSocket as unknown
    Reflect.set(globalThis, 'WebSocket', undefined)
    try {
      expect(() => new SluiceClient({ url: 'wss://gateway.example/v1/ws' })).toThrow(/options\.WebSocket/)
    } finally {
      Reflect.set(globalThis, 'WebSocket', own)
    }
  })

  it('takes the WebSocket of the platform', async () => {
    const own = globalThis.WebSocket as unknown
    const { sockets, time } = fixture()
    Reflect.set(globalThis, 'WebSocket', sockets.WebSocket)
    try {
      void new SluiceClient({ url: 'wss://gateway.example/v1/ws', time }).connect()
      await settled()
      expect(sockets.count).toBe(1)
    } finally {
      Reflect.set(globalThis, 'WebSocket', own)
    }
  })

  it('is final where the platform does not take the address', async () => {
    const { client, sockets, errors } = fixture()
    sockets.refusal = new SyntaxError('bad URL')
    const error = await rejection(client.connect())
    expect(error).toMatchObject({ code: 'bad_request', cause: sockets.refusal })
    expect(error.message).toContain('wss://gateway.example/v1/ws')
    expect(errors).toEqual([error])
    expect(client.state).toBe('failed')
  })
})

describe('coming back', () => {
  it('waits for a random part of the pause, then resumes with the session', async () => {
    const all = await connected()
    const { sockets, time, states, client } = all
    time.nextRandom = 0.7
    sockets.newest.end(1006)
    expect(states.at(-1)).toBe('waiting')
    expect(time.pendingMs).toEqual([700])
    await time.pass(700)
    sockets.newest.open()
    expect(sockets.newest.last('connect')).toMatchObject({
      session: 'session-1',
      resume: { '@inbox': { epoch: 'i', offset: 0 } },
    })
    sockets.newest.welcome({ resumed: true })
    expect(client.state).toBe('connected')
    expect(sockets.count).toBe(2)
  })

  it('pauses grow while attempts fail', async () => {
    const { client, sockets, time } = fixture()
    void client.connect()
    await settled()
    const pauses: number[] = []
    for (let attempt = 0; attempt < 7; attempt++) {
      sockets.newest.end(1006)
      pauses.push(time.pendingMs[0] as number)
      await time.next()
    }
    expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000])
  })

  it('pauses begin anew after a connection that has settled, and go on after one that has not', async () => {
    const all = await connected()
    const { sockets, time } = all
    const pauseAfter = async (lastedMs: number): Promise<number | undefined> => {
      await time.pass(lastedMs)
      sockets.newest.end(1006)
      const [pause] = time.pendingMs
      await time.next()
      sockets.newest.welcome()
      return pause
    }
    expect(await pauseAfter(1)).toBe(500)
    expect(await pauseAfter(SETTLED_MS - 1)).toBe(1000)
    expect(await pauseAfter(SETTLED_MS)).toBe(500)
    expect(await pauseAfter(1)).toBe(1000)
  })

  it('pauses begin anew where the application closes and connects again', async () => {
    const { client, sockets, time } = fixture()
    void client.connect()
    await settled()
    for (let attempt = 0; attempt < 5; attempt++) {
      sockets.newest.end(1006)
      await time.next()
    }
    client.close()
    void client.connect()
    await settled()
    sockets.newest.end(1006)
    expect(time.pendingMs).toEqual([500])
  })

  it('1012 comes back at once', async () => {
    const { sockets, time } = await connected()
    sockets.newest.end(1012)
    expect(time.pendingMs).toEqual([0])
    await time.pass(0)
    expect(sockets.count).toBe(2)
  })

  it('tells why, where a connection ended, with the complaint of the gateway before it', async () => {
    const { client, sockets } = await connected()
    const changes: (ClientError | undefined)[] = []
    client.on('state', ({ error }) => changes.push(error))
    sockets.newest.receive({
      type: 'error',
      code: 'rate_limited',
      message: 'too many frames',
      retryable: true,
    })
    sockets.newest.end(4429)
    expect(changes[0]).toMatchObject({ code: 'closed', closeCode: 4429 })
    expect(changes[0]?.message).toContain('too many frames')
  })

  it('an end that the client mends by itself is no error', async () => {
    const { sockets, errors } = await connected({ token: () => 'token' })
    for (const code of ['unauthorized', 'unavailable', 'rate_limited'] as const)
      sockets.newest.receive({ type: 'error', code, message: 'no', retryable: true })
    sockets.newest.end(4401)
    expect(errors).toEqual([])
  })

  it('connect tries now instead of waiting', async () => {
    const { client, sockets, time } = await connected()
    sockets.newest.end(1006)
    void client.connect()
    await settled()
    expect(sockets.count).toBe(2)
    // The timer of the attempt is the only one: the pause is over.
    expect(time.pendingMs).toEqual([20_000])
  })

  it.each([1009, 4400, 4403, 4409])('%s is final, and tells the reason', async (code) => {
    const { client, sockets, time, states, errors } = await connected()
    sockets.newest.end(code, 'because')
    expect(states.at(-1)).toBe('failed')
    expect(errors).toMatchObject([{ code: 'closed', closeCode: code }])
    expect(errors[0]?.message).toContain('because')
    await time.pass(3_600_000)
    expect(sockets.count).toBe(1)
    expect(await rejection(client.publish('chat', 1))).toMatchObject({ code: 'closed' })
  })

  it('rejects connect where the gateway refuses for good', async () => {
    const { client, sockets } = fixture()
    const connecting = rejection(client.connect())
    await settled()
    sockets.newest.open()
    sockets.newest.end(4403, 'not you')
    expect(await connecting).toMatchObject({ code: 'closed', closeCode: 4403 })
  })

  it('connect leads out of failed', async () => {
    const { client, sockets } = await connected()
    sockets.newest.end(4409)
    const again = client.connect()
    await settled()
    sockets.newest.welcome()
    await again
    expect(client.state).toBe('connected')
  })

  it('goes on without a session that the gateway does not want', async () => {
    const all = await connected()
    const { client, sockets, time, states } = all
    await cutAndBack(all)
    sockets.newest.open()
    sockets.newest.end(4403, "the session is another user's; connect without it")
    expect(states.at(-1)).toBe('waiting')
    await time.pass(2000)
    sockets.newest.open()
    expect(sockets.newest.last('connect')).not.toHaveProperty('session')
    sockets.newest.end(4403)
    expect(client.state).toBe('failed')
  })

  it('4409 after an attempt that was given up is the work of that attempt', async () => {
    const { client, sockets, time, states } = fixture({ connectTimeoutMs: 5000 })
    void client.connect()
    await settled()
    sockets.newest.open()
    await time.pass(5000)
    await time.next()
    sockets.newest.welcome()
    sockets.newest.end(4409)
    expect(states.at(-1)).toBe('waiting')
    await time.next()
    sockets.newest.welcome()
    sockets.newest.end(4409)
    expect(states.at(-1)).toBe('failed')
  })
})

describe('closing', () => {
  it('closes with 1000, stops every timer, and hears nothing more', async () => {
    const { client, sockets, time, states, errors } = await connected()
    client.close()
    client.close()
    expect(sockets.newest.closedByClient).toBe(1000)
    expect(states).toEqual(['connecting', 'connected', 'closed'])
    expect(time.pendingMs).toEqual([])
    sockets.newest.end(1006)
    expect(client.state).toBe('closed')
    expect(errors).toEqual([])
  })

  it('rejects connect where the application closes first', async () => {
    const { client } = fixture()
    const connecting = rejection(client.connect())
    client.close()
    expect(await connecting).toMatchObject({ code: 'closed' })
  })

  it('ends the attempt too', async () => {
    const { client, sockets } = fixture()
    void client.connect()
    await settled()
    client.close()
    expect(sockets.newest.state).toBe('closed')
  })

  it('opens nothing for a token that comes after it', async () => {
    let give = (_token: string): void => undefined
    const { client, sockets } = fixture({ token: () => new Promise((resolve) => (give = resolve)) })
    void client.connect()
    client.close()
    give('late')
    await settled()
    expect(sockets.count).toBe(0)
  })

  it('forgets the session, the token and the place in the inbox, and keeps the subscriptions', async () => {
    let user = 'alice'
    const { client, sockets } = await connected({ token: () => user })
    client.subscribe('news', () => undefined)
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 7, recovered: false })
    client.close()
    user = 'bob'
    void client.connect()
    await settled()
    sockets.newest.open()
    expect(sockets.newest.last('connect')).toEqual({
      type: 'connect',
      token: 'bob',
      resume: { news: { epoch: 'e', offset: 7 } },
      client: { name: 'sluice-js', version: '0.1.0' },
    })
  })

  it('a listener may close at any moment', async () => {
    for (const moment of ['welcome', 'state'] as const) {
      const { client, sockets, states, errors, time } = fixture()
      client.on(moment, () => client.close())
      void client.connect()
      await settled()
      if (moment === 'welcome') sockets.newest.welcome()
      expect(client.state).toBe('closed')
      expect(states.at(-1)).toBe('closed')
      expect(states.filter((state) => state === 'closed').length).toBe(1)
      expect(time.pendingMs).toEqual([])
      expect(errors).toEqual([])
    }
  })
})

describe('a half-open connection', () => {
  it('pings at the interval of the welcome, or up to a quarter earlier', async () => {
    const { sockets, time } = fixture()
    time.nextRandom = 0.4
    const client = new SluiceClient({ url: 'wss://g/v1/ws', WebSocket: sockets.WebSocket, time })
    void client.connect()
    await settled()
    sockets.newest.welcome({ pingInterval: 1000 })
    expect(time.pendingMs).toEqual([900])
    await time.pass(900)
    expect(sockets.newest.types()).toEqual(['connect', 'ping'])
    sockets.newest.receive({ type: 'pong' })
    await time.pass(900)
    expect(sockets.newest.types()).toEqual(['connect', 'ping', 'ping'])
  })

  it('is dropped and replaced when nothing at all comes after a ping', async () => {
    const { sockets, time, states } = await connected({ pongTimeoutMs: 3000 })
    await time.pass(21_875)
    expect(sockets.newest.types()).toContain('ping')
    await time.pass(2999)
    expect(states.at(-1)).toBe('connected')
    await time.pass(1)
    expect(states.at(-1)).toBe('waiting')
    expect(sockets.at(0).closedByClient).toBe(1000)
    await time.pass(500)
    expect(sockets.count).toBe(2)
  })

  it('is alive where anything comes after a ping', async () => {
    const { client, sockets, time } = await connected({ pongTimeoutMs: 3000 })
    for (let round = 0; round < 5; round++) {
      await time.pass(21_875)
      sockets.newest.receive({ type: 'reset', channel: 'news', epoch: 'e', offset: 1, reason: 'gap' })
    }
    await time.pass(3000)
    expect(client.state).toBe('connected')
    expect(sockets.count).toBe(1)
  })
})

describe('a frame that cannot be read', () => {
  it.each([
    ['is no JSON', '{"type":'],
    ['is binary with a length that leads out of it', new Uint8Array([0, 0, 0, 9, 123]).buffer],
  ])('ends the connection where it %s: it may have been a message', async (_what, data) => {
    const { sockets, states } = await connected()
    sockets.newest.receiveData(data)
    expect(states.at(-1)).toBe('waiting')
    expect(sockets.newest.state).toBe('closed')
  })

  it('is ignored where its type is of a later version', async () => {
    const { client, sockets, errors } = await connected()
    sockets.newest.receiveData('{"type":"weather","sunny":true}')
    sockets.newest.receiveData('{"type":"weather","ref":77}')
    expect(client.state).toBe('connected')
    expect(errors).toEqual([])
  })
})
