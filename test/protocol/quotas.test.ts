import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RawClient } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** What one user may use, over all his connections, whatever they are. */

let node: StartedNode
let ws: string
let http: string
beforeAll(async () => {
  node = await startNode({
    admission: { maxLoopLag: 0 },
    limits: {
      connectionsPerUser: 3,
      subscriptions: 10,
      channelsPerStream: 10,
      subscriptionsPerUser: 12,
      publishesPerUserPerSecond: 5,
    },
    namespaces: { chat: { clientPublish: 'fanout' } },
  })
  ws = `ws://127.0.0.1:${node.port}/v1/ws`
  http = `http://127.0.0.1:${node.port}/v1`
})
afterAll(() => node.close())

const connect = async (user: string, more: object = {}): Promise<RawClient> =>
  (await RawClient.connect(ws, { token: await node.token(user), ...more })).client

const get = async (path: string, user: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${http}${path}`, { headers: { authorization: `Bearer ${await node.token(user)}`, ...headers } })

const hits = (limit: string): Promise<number> => node.metric(`sluice_limits_hit_total{limit="${limit}"}`)

describe('connections of a user', () => {
  it('of every transport count together, one too many is refused on each, and told why', async () => {
    const before = await hits('connections_per_user')
    const [one, two] = [await connect('full'), await connect('full')]
    const abort = new AbortController()
    const token = await node.token('full')
    const stream = await fetch(`${http}/sse?channels=a`, {
      headers: { authorization: `Bearer ${token}` },
      signal: abort.signal,
    })
    expect(stream.status).toBe(200)

    const third = await RawClient.open(ws)
    third.send({ type: 'connect', token })
    expect(await third.closed).toMatchObject({ code: 4503 })
    const told = {
      code: 'limit_exceeded',
      message: expect.stringContaining('limits.connectionsPerUser') as string,
    }
    expect(third.frames).toMatchObject([{ type: 'error', ...told }])

    for (const path of ['/sse?channels=a', '/poll?channels=a&wait=0']) {
      const refused = await get(path, 'full')
      expect(refused.status).toBe(429)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(5)
      expect(await refused.json()).toMatchObject({ error: told })
    }
    // A browser's EventSource would give up for good on any status but 200.
    const browser = await get('/sse?channels=a', 'full', { accept: 'text/event-stream' })
    expect(browser.status).toBe(200)
    expect(await browser.text()).toMatch(
      /^retry: \d{4,5}\nevent: closing\ndata: .*limits\.connectionsPerUser/,
    )
    expect((await hits('connections_per_user')) - before).toBe(4)

    // Others are not concerned, and when one has ended there is room.
    ;(await connect('another')).cut()
    await one.settled()
    two.cut()
    await expect.poll(async () => (await get('/poll?channels=a&wait=0', 'full')).status).toBe(200)
    one.cut()
    abort.abort()
  })

  it('a session that is resumed does not count twice', async () => {
    const clients = [await connect('comes-back'), await connect('comes-back')]
    const token = await node.token('comes-back')
    const { client, welcome } = await RawClient.connect(ws, { token })
    const again = await RawClient.connect(ws, { token, session: welcome['session'] })
    expect(again.welcome).toMatchObject({ resumed: true })
    expect(await client.closed).toMatchObject({ code: 4409 })
    const tooMany = await RawClient.open(ws)
    tooMany.send({ type: 'connect', token })
    expect(await tooMany.closed).toMatchObject({ code: 4503 })
    for (const each of [...clients, again.client]) each.cut()
  })

  it('who was refused for another reason leaves no connection behind', async () => {
    const token = await node.token('narrow', { subscribe: ['a'] })
    for (let i = 0; i < 5; i++) {
      const response = await fetch(`${http}/poll?channels=b&wait=0`, {
        headers: { authorization: `Bearer ${token}` },
      })
      expect(response.status).toBe(403)
    }
    ;(await connect('narrow')).cut()
  })
})

describe('subscriptions of a user', () => {
  const names = (prefix: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${prefix}-${i}`)
  const position = { epoch: 'e', offset: 0 }

  it('of all connections count together, at connect, at subscribe and on streams', async () => {
    const before = await hits('subscriptions_per_user')
    const first = await connect('wide')
    for (const [ref, channel] of names('s', 10).entries()) {
      expect(await first.request({ type: 'subscribe', ref, channel })).toMatchObject({ type: 'subscribed' })
    }
    const second = await connect('wide')
    for (const [ref, channel] of names('t', 2).entries()) {
      expect(await second.request({ type: 'subscribe', ref, channel })).toMatchObject({ type: 'subscribed' })
    }
    const told = {
      code: 'limit_exceeded',
      message: expect.stringContaining('limits.subscriptionsPerUser') as string,
    }
    expect(await second.request({ type: 'subscribe', ref: 9, channel: 'more' })).toMatchObject(told)
    await second.settled()

    const resuming = await RawClient.open(ws)
    resuming.send({ type: 'connect', token: await node.token('wide'), resume: { a: position } })
    expect(await resuming.closed).toMatchObject({ code: 4503 })
    expect(resuming.frames).toMatchObject([{ type: 'error', ...told }])
    for (const path of ['/sse?channels=a', '/poll?channels=a&wait=0']) {
      const refused = await get(path, 'wide')
      expect(refused.status).toBe(429)
      expect(await refused.json()).toMatchObject({ error: told })
    }
    expect((await hits('subscriptions_per_user')) - before).toBe(4)

    // One that is left makes room for another; so does one connection for a stream.
    await second.request({ type: 'unsubscribe', ref: 10, channel: 't-0' })
    expect(await second.request({ type: 'subscribe', ref: 11, channel: 'more' })).toMatchObject({
      type: 'subscribed',
    })
    first.cut()
    await expect.poll(async () => (await get('/poll?channels=a,b&wait=0', 'wide')).status).toBe(200)
    second.cut()
  })

  it('those that are asked for at once are counted, too', async () => {
    const client = await connect('at-once')
    for (const [ref, channel] of names('u', 30).entries()) client.send({ type: 'subscribe', ref, channel })
    await client.settled()
    const kinds = client.frames.map(({ type }) => type)
    expect(kinds.filter((kind) => kind === 'subscribed').length).toBe(10)
    expect(kinds.filter((kind) => kind === 'error').length).toBe(20)
    client.cut()
  })
})

describe('publishes of a user', () => {
  it('over all connections are limited, the rest is refused for now and told how long', async () => {
    const before = await hits('publishes_per_user_per_second')
    const [one, two] = [await connect('writer'), await connect('writer')]
    const answers = []
    for (let ref = 0; ref < 20; ref++) {
      const client = ref % 2 === 0 ? one : two
      answers.push(client.request({ type: 'publish', ref, channel: 'chat:1', data: ref }))
    }
    const settled = await Promise.all(answers)
    const refused = settled.filter(({ type }) => type === 'error')
    // Twice those of a second, and what came back while they were sent.
    expect(settled.length - refused.length).toBeGreaterThanOrEqual(10)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]).toMatchObject({
      code: 'rate_limited',
      retryable: true,
      message: expect.stringMatching(
        /limits\.publishesPerUserPerSecond, which is 5,.* wait \d+ ms/,
      ) as string,
    })
    expect((await hits('publishes_per_user_per_second')) - before).toBe(refused.length)
    const other = await connect('other-writer')
    expect(await other.request({ type: 'publish', ref: 1, channel: 'chat:1', data: 1 })).toMatchObject({
      type: 'published',
    })
    for (const client of [one, two, other]) client.cut()
  })
})

it('the limits that nobody sets let a generous user through', async () => {
  const standard = await startNode({ admission: { maxLoopLag: 0 } })
  const url = `ws://127.0.0.1:${standard.port}/v1/ws`
  const token = await standard.token('tabs')
  const clients = []
  for (let i = 0; i < 100; i++) clients.push((await RawClient.connect(url, { token })).client)
  const tooMany = await RawClient.open(url)
  tooMany.send({ type: 'connect', token })
  expect(await tooMany.closed).toMatchObject({ code: 4503 })
  for (const client of clients) client.cut()
  await standard.close()
})
