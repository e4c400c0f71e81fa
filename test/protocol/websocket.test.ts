import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RawClient, RefusedHandshake, type Frame } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode
let url: string

beforeAll(async () => {
  node = await startNode({
    allowedOrigins: ['https://app.example'],
    limits: {
      connectTimeout: 1000,
      frame: 8192,
      payload: 4096,
      subscriptions: 5,
      channelsPerStream: 5,
      framesPerSecond: 50,
      framesBurst: 100,
    },
    namespaces: {
      chat: { clientPublish: 'fanout' },
      live: { delivery: 'ephemeral', clientPublish: 'fanout' },
    },
  })
  url = `ws://127.0.0.1:${node.port}/v1/ws`
})
afterAll(() => node.close())

const connect = async (user: string, more: object = {}) =>
  RawClient.connect(url, { token: await node.token(user), ...more })

describe('handshake', () => {
  it('names sluice.v1 where it is offered', async () => {
    const client = await RawClient.open(url, { protocols: ['other', 'sluice.v1'] })
    expect(client.socket.protocol).toBe('sluice.v1')
  })

  it('accepts a client that offers no subprotocol', async () => {
    const client = await RawClient.open(url, { protocols: [] })
    expect(client.socket.protocol).toBe('')
  })

  it('refuses a client that offers other subprotocols only', async () => {
    await expect(RawClient.open(url, { protocols: ['graphql-ws'] })).rejects.toMatchObject({ status: 400 })
  })

  it('refuses an origin that is not in the list, and says so', async () => {
    const refused = await RawClient.open(url, { origin: 'https://evil.example' }).catch(
      (error: unknown) => error,
    )
    expect(refused).toBeInstanceOf(RefusedHandshake)
    expect(refused).toMatchObject({ status: 403 })
    expect(JSON.parse((refused as RefusedHandshake).body)).toMatchObject({ error: { code: 'forbidden' } })
  })

  it('accepts an origin of the list', async () => {
    const client = await RawClient.open(url, { origin: 'https://app.example' })
    client.cut()
  })
})

describe('connect', () => {
  it('answers with welcome, which names the inbox', async () => {
    const { client, welcome } = await connect('wanda')
    expect(welcome).toMatchObject({
      user: 'wanda',
      node: node.id,
      resumed: false,
      channels: { '@inbox': { offset: 0, recovered: false } },
    })
    expect(welcome['session']).toMatch(/^[A-Za-z0-9_-]{32}$/)
    expect(welcome['pingInterval']).toBeGreaterThan(0)
    client.cut()
  })

  it('says when the token expires', async () => {
    const { welcome } = await RawClient.connect(url, {
      token: await node.token('expiring', { ttlSeconds: 3600 }),
    })
    expect(welcome['expiresAt']).toBeGreaterThan(Date.now() + 3_500_000)
  })

  it.each([
    [
      'as Authorization: Bearer',
      (token: string) => RawClient.open(url, { headers: { authorization: `Bearer ${token}` } }),
    ],
    ['as ?token=', (token: string) => RawClient.open(`${url}?token=${token}`)],
  ])('takes the token %s', async (_how, open) => {
    const client = await open(await node.token('hannah'))
    client.send({ type: 'connect' })
    expect(await client.next('welcome')).toMatchObject({ user: 'hannah' })
  })

  it('connects by itself where the handshake brought the token and another frame comes first', async () => {
    const client = await RawClient.open(`${url}?token=${await node.token('ingrid')}`)
    client.send({ type: 'subscribe', ref: 1, channel: 'news' })
    await client.next('welcome')
    expect(await client.next('subscribed')).toMatchObject({ ref: 1, channel: 'news' })
  })

  it('4408 closes a connection without connect', async () => {
    const client = await RawClient.open(url)
    expect(await client.closed).toMatchObject({ code: 4408 })
  })

  it('4401 closes where another frame comes before connect and there is no token', async () => {
    const client = await RawClient.open(url)
    client.send({ type: 'subscribe', ref: 1, channel: 'news' })
    expect(await client.closed).toMatchObject({ code: 4401 })
    expect(client.frames).toMatchObject([{ type: 'error', code: 'unauthorized' }])
  })

  it('answers a second connect with an error and goes on', async () => {
    const { client } = await connect('twice')
    client.send({ type: 'connect' })
    expect(await client.next('error')).toMatchObject({ code: 'bad_request' })
    await client.settled()
  })

  const NONE = Buffer.from('{"alg":"none"}').toString('base64url')
  const CLAIMS = Buffer.from('{"sub":"eve"}').toString('base64url')
  it.each([
    ['missing', () => undefined],
    ['malformed', () => 'not-a-token'],
    ['expired', () => node.token('late', { ttlSeconds: 1, issuedSecondsAgo: 60 })],
    [
      'signed by another key',
      () => node.token('forged', { secret: 'another-secret-of-more-than-32-bytes!' }),
    ],
    ['unsigned (alg none)', () => `${NONE}.${CLAIMS}.`],
  ])('4401 closes where the token is %s, with a sentence that does not show it', async (_case, make) => {
    const token = await make()
    const client = await RawClient.open(url)
    client.send({ type: 'connect', token })
    expect(await client.closed).toMatchObject({ code: 4401 })
    expect(client.frames).toMatchObject([{ type: 'error', code: 'unauthorized', retryable: false }])
    expect(JSON.stringify(client.frames)).not.toContain(token ?? 'undefined')
  })
})

describe('session', () => {
  it('is resumed by its id, with every message since the position', async () => {
    const first = await connect('rita')
    const at = await first.client.request({ type: 'subscribe', ref: 1, channel: 'news:rita' })
    first.client.cut()
    await node.publish([1, 2, 3].map((data) => ({ channel: 'news:rita', data })))
    const { epoch, offset } = at
    const { client, welcome } = await connect('rita', {
      session: first.welcome['session'],
      resume: { 'news:rita': { epoch, offset } },
    })
    expect(welcome).toMatchObject({
      session: first.welcome['session'],
      resumed: true,
      channels: { 'news:rita': { epoch, offset, recovered: true } },
    })
    for (const data of [1, 2, 3])
      expect(await client.next('message')).toMatchObject({ channel: 'news:rita', data })
  })

  it('4409 closes the older connection when a newer one takes the session over', async () => {
    const older = await connect('tom')
    const newer = await connect('tom', { session: older.welcome['session'] })
    expect(newer.welcome).toMatchObject({ resumed: true })
    expect(await older.client.closed).toMatchObject({ code: 4409 })
    await newer.client.settled()
  })

  it('an unknown session becomes a new one', async () => {
    const { welcome } = await connect('ulla')
    const stale = `${'A'.repeat(24)}${String(welcome['session']).slice(24)}`
    const again = await connect('ulla', { session: stale })
    expect(again.welcome).toMatchObject({ resumed: false })
    expect(again.welcome['session']).not.toBe(welcome['session'])
  })

  it("4403 refuses another user's session", async () => {
    const { welcome } = await connect('owner')
    const client = await RawClient.open(url)
    client.send({ type: 'connect', token: await node.token('thief'), session: welcome['session'] })
    expect(await client.closed).toMatchObject({ code: 4403 })
    expect(client.frames).toMatchObject([{ type: 'error', code: 'forbidden' }])
  })

  it('4400 refuses what was never a session id', async () => {
    const client = await RawClient.open(url)
    client.send({ type: 'connect', token: await node.token('guess'), session: 'guess' })
    expect(await client.closed).toMatchObject({ code: 4400 })
  })

  it('a resume names each channel that it could not restore', async () => {
    const { client, welcome } = await RawClient.connect(url, {
      token: await node.token('narrow', { subscribe: ['open:*'] }),
      resume: {
        'open:1': { epoch: 'gone', offset: 7 },
        'closed:1': { epoch: 'gone', offset: 7 },
      },
    })
    expect(welcome['channels']).toMatchObject({
      'open:1': { recovered: false, offset: 0 },
      'closed:1': { recovered: false, error: 'forbidden' },
    })
    expect(await client.next('reset')).toMatchObject({ channel: 'open:1', reason: 'epoch', offset: 0 })
  })

  it('a position ahead of the log is a reset, not a hole', async () => {
    const { client: before } = await connect('ahead')
    const { epoch } = await before.request({ type: 'subscribe', ref: 1, channel: 'ahead' })
    const { client } = await connect('ahead', { resume: { ahead: { epoch, offset: 1_000_000 } } })
    expect(await client.next('reset')).toMatchObject({ channel: 'ahead', reason: 'gap', offset: 0 })
    await node.publish({ channel: 'ahead', data: 'next' })
    expect(await client.next('message')).toMatchObject({ data: 'next' })
  })
})

describe('limits of a user', () => {
  it('4503 closes a session too many, and the others stay', async () => {
    const strict = await startNode({ limits: { sessionsPerUser: 1 } })
    const strictUrl = `ws://127.0.0.1:${strict.port}/v1/ws`
    const token = await strict.token('single')
    const { client: first } = await RawClient.connect(strictUrl, { token })
    const second = await RawClient.open(strictUrl)
    second.send({ type: 'connect', token })
    expect(await second.closed).toMatchObject({ code: 4503 })
    await first.settled()
    await strict.close()
  })
})

describe('subscribe', () => {
  it('delivers what is published from then on, in order, with growing offsets', async () => {
    const { client } = await connect('sam')
    const at = await client.request({ type: 'subscribe', ref: 1, channel: 'sub:order' })
    expect(at).toMatchObject({ type: 'subscribed', channel: 'sub:order', recovered: false })
    await node.publish([1, 2, 3].map((data) => ({ channel: 'sub:order', data })))
    const offsets = []
    for (const data of [1, 2, 3]) {
      const message = await client.next('message')
      expect(message).toMatchObject({ channel: 'sub:order', data })
      expect(Date.now() - Number(message['time'])).toBeLessThan(60_000)
      offsets.push(Number(message['offset']))
    }
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b))
  })

  it('starts after a position, or with the last messages', async () => {
    const published = await node.publish([1, 2, 3].map((data) => ({ channel: 'sub:from', data })))
    const { epoch, offset } = published[0] as { epoch: string; offset: number }
    const { client } = await connect('fay')
    const from = await client.request({
      type: 'subscribe',
      ref: 1,
      channel: 'sub:from',
      from: { epoch, offset },
    })
    expect(from).toMatchObject({ recovered: true, epoch, offset })
    for (const data of [2, 3]) expect(await client.next('message')).toMatchObject({ data })
    const { client: other } = await connect('fee')
    await other.request({ type: 'subscribe', ref: 1, channel: 'sub:from', from: { last: 2 } })
    for (const data of [2, 3]) expect(await other.next('message')).toMatchObject({ data })
    await other.settled()
  })

  it('asks for more than the log holds and gets what there is', async () => {
    await node.publish({ channel: 'sub:last', data: 'only' })
    const { client } = await connect('leo')
    await client.request({ type: 'subscribe', ref: 1, channel: 'sub:last', from: { last: 100 } })
    expect(await client.next('message')).toMatchObject({ data: 'only' })
  })

  it('answers a second subscribe with the position, and starts again where it names one', async () => {
    const { client } = await connect('again')
    const first = await client.request({ type: 'subscribe', ref: 1, channel: 'sub:again' })
    await node.publish({ channel: 'sub:again', data: 1 })
    await client.next('message')
    const second = await client.request({ type: 'subscribe', ref: 2, channel: 'sub:again' })
    expect(second).toMatchObject({ type: 'subscribed', recovered: true })
    const { epoch, offset } = first
    await client.request({ type: 'subscribe', ref: 3, channel: 'sub:again', from: { epoch, offset } })
    expect(await client.next('message')).toMatchObject({ data: 1 })
    await node.publish({ channel: 'sub:again', data: 2 })
    expect(await client.next('message')).toMatchObject({ data: 2 })
    await client.settled()
  })

  it('forbidden answers a channel that the token does not name', async () => {
    const { client } = await RawClient.connect(url, {
      token: await node.token('few', { subscribe: ['a:*', 'b'] }),
    })
    expect(await client.request({ type: 'subscribe', ref: 1, channel: 'a:1' })).toMatchObject({
      type: 'subscribed',
    })
    expect(await client.request({ type: 'subscribe', ref: 2, channel: 'b' })).toMatchObject({
      type: 'subscribed',
    })
    expect(await client.request({ type: 'subscribe', ref: 3, channel: 'bc' })).toMatchObject({
      code: 'forbidden',
    })
  })

  it.each(['', '@bob', '.a', 'a.', 'a..b', 'a b', 'ä', 'a'.repeat(129), 'a*', 'a>'])(
    'bad_request answers the channel %j',
    async (channel) => {
      const { client } = await connect('grammar')
      expect(await client.request({ type: 'subscribe', ref: 1, channel })).toMatchObject({
        code: 'bad_request',
      })
      await client.settled()
    },
  )

  it('limit_exceeded answers one subscription too many, and the others stay', async () => {
    const { client } = await connect('many')
    for (let ref = 0; ref < 5; ref++) {
      expect(await client.request({ type: 'subscribe', ref, channel: `many:${ref}` })).toMatchObject({
        type: 'subscribed',
      })
    }
    expect(await client.request({ type: 'subscribe', ref: 9, channel: 'many:9' })).toMatchObject({
      code: 'limit_exceeded',
    })
    await node.publish({ channel: 'many:4', data: 'still here' })
    expect(await client.next('message')).toMatchObject({ channel: 'many:4' })
  })

  it('an ephemeral channel has no position', async () => {
    const { client } = await connect('eve')
    const reply = await client.request({ type: 'subscribe', ref: 1, channel: 'live:1' })
    expect(reply).toEqual({ type: 'subscribed', ref: 1, channel: 'live:1', recovered: false })
    expect(await node.publish({ channel: 'live:1', data: 1 })).toEqual([{}])
    const message = await client.next('message')
    expect(message).not.toHaveProperty('offset')
  })

  it('unsubscribe is answered, and nothing comes after the answer', async () => {
    const { client } = await connect('una')
    await client.request({ type: 'subscribe', ref: 1, channel: 'un:1' })
    expect(await client.request({ type: 'unsubscribe', ref: 2, channel: 'un:1' })).toEqual({
      type: 'unsubscribed',
      ref: 2,
      channel: 'un:1',
    })
    await node.publish({ channel: 'un:1', data: 'unseen' })
    await client.settled()
    expect(client.frames.filter(({ type }) => type === 'message')).toEqual([])
    expect(await client.request({ type: 'unsubscribe', ref: 3, channel: 'un:1' })).toMatchObject({
      code: 'not_found',
    })
  })

  it('a subscribe and an unsubscribe sent together end unsubscribed', async () => {
    const { client } = await connect('race')
    client.send({ type: 'subscribe', ref: 1, channel: 'race:1' })
    client.send({ type: 'unsubscribe', ref: 2, channel: 'race:1' })
    expect(await client.next('subscribed')).toMatchObject({ ref: 1 })
    expect(await client.next('unsubscribed')).toMatchObject({ ref: 2 })
  })
})

describe('inbox', () => {
  it('brings what is published to the user, on each of his connections, and to nobody else', async () => {
    const [one, two, other] = [await connect('ida'), await connect('ida'), await connect('otto')]
    await node.publish({ user: 'ida', data: { order: 1 } })
    for (const { client } of [one, two]) {
      expect(await client.next('message')).toMatchObject({ channel: '@inbox', data: { order: 1 } })
    }
    await other.client.settled()
    expect(other.client.frames.filter(({ type }) => type === 'message')).toEqual([])
  })

  it('is resumed like a channel', async () => {
    const { client, welcome } = await connect('iris')
    client.cut()
    await node.publish({ user: 'iris', data: 'while away' })
    const inbox = (welcome['channels'] as Record<string, { epoch: string; offset: number }>)['@inbox']
    const back = await connect('iris', {
      resume: { '@inbox': { epoch: inbox?.epoch, offset: inbox?.offset } },
    })
    expect(back.welcome['channels']).toMatchObject({ '@inbox': { recovered: true } })
    expect(await back.client.next('message')).toMatchObject({ channel: '@inbox', data: 'while away' })
  })
})

describe('publish', () => {
  it('answers with the position and reaches the subscribers, the publisher included', async () => {
    const { client } = await connect('pia')
    await client.request({ type: 'subscribe', ref: 1, channel: 'chat:1' })
    client.send({ type: 'publish', ref: 2, channel: 'chat:1', data: { text: 'hello' }, id: 'm1' })
    const published = await client.find(({ type }) => type === 'published')
    const message = client.frames.find(({ type }) => type === 'message') as Frame
    expect(published).toMatchObject({ ref: 2, epoch: expect.any(String), offset: message['offset'] })
    expect(message).toMatchObject({ channel: 'chat:1', data: { text: 'hello' }, id: 'm1' })
  })

  it('does not repeat an id', async () => {
    const { client } = await connect('paul')
    const publish = { type: 'publish', channel: 'chat:2', data: 1, id: 'same' }
    const first = await client.request({ ...publish, ref: 1 })
    const second = await client.request({ ...publish, ref: 2 })
    expect(second).toMatchObject({ type: 'published', duplicate: true, offset: first['offset'] })
  })

  it('passes numbers on as they were written', async () => {
    const { client } = await connect('num')
    const raw: string[] = []
    client.socket.on('message', (data) => raw.push(Buffer.from(data as Buffer).toString()))
    await client.request({ type: 'subscribe', ref: 1, channel: 'chat:3' })
    client.send(
      '{"type":"publish","ref":2,"channel":"chat:3","data": {"id": 12345678901234567890, "f": 1.0}}',
    )
    await client.find(({ ref }) => ref === 2)
    expect(raw.find((text) => text.includes('"message"'))).toContain(
      '"data":{"id": 12345678901234567890, "f": 1.0}',
    )
  })

  it.each([
    ['a namespace that does not take it', 'news:1', {}],
    ['a channel that the token does not name', 'chat:1', { publish: ['chat:2'] }],
    ['an inbox', '@inbox', {}],
  ])('forbidden answers a publish to %s', async (_what, channel, claims) => {
    const { client } = await RawClient.connect(url, { token: await node.token('denied', claims) })
    const reply = await client.request({ type: 'publish', ref: 1, channel, data: 1 })
    expect(reply).toMatchObject({ type: 'error', code: 'forbidden' })
  })

  it('carries binary payloads both ways', async () => {
    const { client } = await connect('bin')
    await client.request({ type: 'subscribe', ref: 1, channel: 'chat:bin' })
    const payload = Buffer.from([0, 255, 10, 13, 128])
    client.send(binaryFrame({ type: 'publish', ref: 2, channel: 'chat:bin' }, payload))
    const frame = await client.nextBinary()
    const length = frame.readUInt32BE(0)
    const envelope = JSON.parse(frame.subarray(4, 4 + length).toString()) as Frame
    expect(envelope).toMatchObject({ type: 'message', channel: 'chat:bin', offset: 1 })
    expect(envelope).not.toHaveProperty('data')
    expect(frame.subarray(4 + length)).toEqual(payload)
  })
})

describe('ping', () => {
  it('is answered with pong, with the ref where there is one', async () => {
    const { client } = await connect('ping')
    client.send({ type: 'ping' })
    expect(await client.next('pong')).toEqual({ type: 'pong' })
    expect(await client.request({ type: 'ping', ref: 7 })).toEqual({ type: 'pong', ref: 7 })
  })
})

describe('bad frames', () => {
  it.each([
    ['text that is not JSON', 'hello'],
    ['JSON that is no object', '[1]'],
    ['a binary frame without its length', Buffer.from([1, 2])],
    ['a binary frame whose length leads out of it', Buffer.from([0xff, 0xff, 0xff, 0xff, 1])],
    ['a binary frame with an envelope that is not UTF-8', Buffer.from([0, 0, 0, 1, 0xff])],
  ])('4400 closes after %s, with the reason', async (_what, frame) => {
    const { client } = await connect('bad')
    client.send(frame)
    expect(await client.closed).toMatchObject({ code: 4400 })
    expect(client.frames.at(-1)).toMatchObject({ type: 'error', code: 'bad_request' })
  })

  it.each([
    ['an unknown type', { type: 'teleport', ref: 1 }, 'teleport'],
    ['a type that is a property of every object', { type: 'constructor', ref: 1 }, 'constructor'],
    ['no ref', { type: 'subscribe', channel: 'a' }, 'ref'],
    ['a ref that is no number', { type: 'subscribe', ref: 'x', channel: 'a' }, 'ref'],
    ['no channel', { type: 'subscribe', ref: 1 }, 'channel'],
    ['a bad from', { type: 'subscribe', ref: 1, channel: 'a', from: { offset: 1 } }, 'epoch'],
    [
      'a negative offset',
      { type: 'subscribe', ref: 1, channel: 'a', from: { epoch: 'e', offset: -1 } },
      'offset',
    ],
    ['no data', { type: 'publish', ref: 1, channel: 'chat:1' }, 'data'],
    ['an id of the wrong type', { type: 'publish', ref: 1, channel: 'chat:1', data: 1, id: 5 }, 'id'],
    ['no token', { type: 'auth', ref: 1 }, 'token'],
  ])('bad_request answers %s and names it', async (_what, frame, named) => {
    const { client } = await connect('wrong')
    client.send(frame)
    const error = await client.next('error')
    expect(error).toMatchObject({ code: 'bad_request', retryable: false })
    expect(error['message']).toContain(named)
    await client.settled()
  })

  it('1009 closes after a frame over the limit', async () => {
    const { client } = await connect('large')
    client.send({ type: 'publish', ref: 1, channel: 'chat:1', data: 'x'.repeat(9000) })
    expect(await client.closed).toMatchObject({ code: 1009 })
    expect(client.frames.at(-1)).toMatchObject({ type: 'error', code: 'limit_exceeded' })
  })

  it.each(['ping', 'pong'] as const)('4429 closes a flood of frames of the kind %s', async (kind) => {
    const { client } = await connect('ann')
    const before = await node.metric('sluice_frames_in_total')
    for (let i = 0; i < 200; i++) client.socket[kind]()
    expect(await client.closed).toMatchObject({ code: 4429 })
    // A hundred at once are allowed, of which `connect` was one.
    expect((await node.metric('sluice_frames_in_total')) - before).toBeGreaterThanOrEqual(100)
  })

  it('4429 closes a flood of pings of a client that has not even said who it is', async () => {
    const client = await RawClient.open(url)
    for (let i = 0; i < 200; i++) client.socket.ping()
    expect(await client.closed).toMatchObject({ code: 4429 })
  })

  it('4429 closes a flood of frames', async () => {
    const { client } = await connect('flood')
    for (let i = 0; i < 300; i++) client.send({ type: 'ping' })
    expect(await client.closed).toMatchObject({ code: 4429 })
    expect(client.frames.at(-1)).toMatchObject({ type: 'error', code: 'rate_limited', retryable: true })
  })

  it.each([
    [
      'a frame far beyond the limit',
      (client: RawClient) => client.socket.send('x'.repeat(3_000_000)),
      'too_large',
    ],
    [
      'a text frame that is not UTF-8',
      (client: RawClient) => client.socket.send(Buffer.from([0xff, 0xfe]), { binary: false }),
      'malformed',
    ],
  ])('%s is cut off, and counted as what it was', async (what, send, reason) => {
    const series = `sluice_disconnects_total{reason="${reason}"}`
    const [before, limited] = [
      await node.metric(series),
      await node.metric('sluice_limits_hit_total{limit="frame"}'),
    ]
    const { client } = await connect('cut-off')
    send(client)
    await client.closed
    await expect.poll(() => node.metric(series)).toBe(before + 1)
    const hit = reason === 'too_large' ? 1 : 0
    expect(await node.metric('sluice_limits_hit_total{limit="frame"}'), what).toBe(limited + hit)
  })

  it('a socket that vanishes in the middle of a frame leaves nothing behind', async () => {
    const before = await node.metric('sluice_connections{transport="websocket"}')
    const { client } = await connect('vanish')
    const raw = (client.socket as unknown as { _socket: { write(bytes: Buffer): void; destroy(): void } })
      ._socket
    // A text frame of 100 masked bytes of which ten come.
    raw.write(Buffer.from([0x81, 0x80 | 100, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]))
    raw.destroy()
    await client.closed
    await expect
      .poll(() => node.metric('sluice_connections{transport="websocket"}'))
      .toBeLessThanOrEqual(before)
  })
})

describe('authentication while connected', () => {
  it('asks for a fresh token, and goes on with it', async () => {
    const { client } = await RawClient.connect(url, { token: await node.token('fresh', { ttlSeconds: 3 }) })
    const asked = await client.next('reauth')
    expect(asked['deadline']).toBeGreaterThan(0)
    const reply = await client.request({
      type: 'auth',
      ref: 1,
      token: await node.token('fresh', { ttlSeconds: 3600 }),
    })
    expect(reply).toMatchObject({ type: 'authenticated', expiresAt: expect.any(Number) })
  })

  it('4401 closes when the token has expired and no other came', async () => {
    const { client } = await RawClient.connect(url, { token: await node.token('stale', { ttlSeconds: 2 }) })
    expect(await client.closed).toMatchObject({ code: 4401 })
  })

  it("forbidden answers another user's token, and the connection stays who it was", async () => {
    const { client } = await connect('me')
    const reply = await client.request({ type: 'auth', ref: 1, token: await node.token('you') })
    expect(reply).toMatchObject({ type: 'error', code: 'forbidden' })
    await node.publish({ user: 'me', data: 'still mine' })
    expect(await client.next('message')).toMatchObject({ data: 'still mine' })
  })

  it('unauthorized answers a bad token, and the old one goes on', async () => {
    const { client } = await connect('keep')
    expect(await client.request({ type: 'auth', ref: 1, token: 'bad' })).toMatchObject({
      code: 'unauthorized',
    })
    await client.settled()
  })

  it('a token that allows less ends the subscriptions that it does not allow', async () => {
    const { client } = await connect('less')
    await client.request({ type: 'subscribe', ref: 1, channel: 'keep:1' })
    await client.request({ type: 'subscribe', ref: 2, channel: 'drop:1' })
    client.send({ type: 'auth', ref: 3, token: await node.token('less', { subscribe: ['keep:*'] }) })
    expect(await client.next('unsubscribed')).toEqual({ type: 'unsubscribed', channel: 'drop:1' })
    await client.next('authenticated')
    await node.publish([
      { channel: 'drop:1', data: 'unseen' },
      { channel: 'keep:1', data: 'seen' },
    ])
    expect(await client.next('message')).toMatchObject({ channel: 'keep:1' })
  })
})

describe('a probe', () => {
  const COUNT = 'sluice_probe_latency_seconds_count{transport="websocket"}'

  it('is answered right behind a message, and what the client asks next is measured as having it', async () => {
    const { client } = await connect('fast')
    await client.request({ type: 'subscribe', ref: 1, channel: 'probed' })
    client.send({ type: 'probe', ref: 2, channel: 'probed' })
    await client.settled()
    await node.publish({ channel: 'probed', data: 'it' })
    expect(await client.next('message')).toMatchObject({ data: 'it' })
    expect(await client.next('probe')).toEqual({ type: 'probe', ref: 2 })
    expect(await node.metric(COUNT)).toBe(0)
    const answer = await client.request({ type: 'probe', ref: 3, channel: 'probed' })
    expect(answer).toMatchObject({ type: 'probe', ref: 3, pause: expect.any(Number) as number })
    expect(await node.metric(COUNT)).toBe(1)
  })

  it('is refused on a channel that is not subscribed', async () => {
    const { client } = await connect('curious')
    const answer = await client.request({ type: 'probe', ref: 1, channel: 'not-mine' })
    expect(answer).toMatchObject({ type: 'error', code: 'bad_request', ref: 1 })
  })
})

function binaryFrame(envelope: object, payload: Buffer): Buffer {
  const head = Buffer.from(JSON.stringify(envelope))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(head.length)
  return Buffer.concat([length, head, payload])
}
