/** Channels read as Durable Streams, with nothing but `fetch`. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode

beforeAll(async () => {
  node = await startNode({
    dialects: { durableStreams: { public: ['open', 'open:*'], readers: 2 } },
    namespaces: { small: { max: 2 }, live: { delivery: 'ephemeral' } },
  })
})

afterAll(() => node.close())

type Query = Readonly<Record<string, string>>

function get(channel: string, query: Query = {}, init: RequestInit = {}): Promise<Response> {
  const url = `http://127.0.0.1:${node.port}/streams/${encodeURIComponent(channel)}`
  return fetch(`${url}?${new URLSearchParams(query).toString()}`, init)
}

function nextOf(answer: Response): string {
  return answer.headers.get('stream-next-offset') as string
}

async function publish(channel: string, ...values: unknown[]): Promise<void> {
  await node.publish(values.map((data) => ({ channel, data })))
}

function end(channel: string, data: unknown): Promise<Response> {
  return node.api('POST', '/v1/publish', { channel, data, headers: { 'stream-closed': 'true' } })
}

describe('a page', () => {
  it('has what is kept after an offset, and says where it ends and whether that is the end', async () => {
    await publish('open:page', 1, { two: 2 }, 'three')
    const all = await get('open:page', { offset: '-1' })
    expect(await all.json()).toEqual([1, { two: 2 }, 'three'])
    expect(all.headers.get('stream-up-to-date')).toBe('true')
    expect(all.headers.get('stream-closed')).toBeNull()
    await publish('open:page', 4)
    const rest = await get('open:page', { offset: nextOf(all) })
    expect(await rest.json()).toEqual([4])
    expect(nextOf(rest) > nextOf(all)).toBe(true)
    expect(await (await get('open:page', { offset: nextOf(rest) })).json()).toEqual([])
    expect(nextOf(await get('open:page', { offset: 'now' }))).toBe(nextOf(rest))
    expect(nextOf(await get('open:page', {}, { method: 'HEAD' }))).toBe(nextOf(rest))
  })

  it('of a long stream ends between two messages, and the next one goes on there', async () => {
    const large = 'x'.repeat(40_000)
    for (let n = 0; n < 10; n++) await publish('open:long', `${n}${large}`)
    const read: string[] = []
    let offset = '-1'
    for (let page = 0; page < 5; page++) {
      const answer = await get('open:long', { offset })
      read.push(...((await answer.json()) as string[]))
      offset = nextOf(answer)
      if (page === 0) expect(answer.headers.get('stream-up-to-date')).toBeNull()
      if (answer.headers.get('stream-up-to-date') === 'true') break
    }
    expect(read.map((text) => text[0])).toEqual(Array.from({ length: 10 }, (_, n) => String(n)))
  })

  it('may be kept by all caches where everybody may read it, by one where a token says so', async () => {
    await publish('open:cache', 1)
    const answer = await get('open:cache', { offset: '-1' })
    expect(answer.headers.get('cache-control')).toBe('public, max-age=60, stale-while-revalidate=300')
    const tag = answer.headers.get('etag') as string
    const again = await get('open:cache', { offset: '-1' }, { headers: { 'if-none-match': tag } })
    expect(again.status).toBe(304)
    const weak = { 'if-none-match': `"other", W/${tag}` }
    expect((await get('open:cache', { offset: '-1' }, { headers: weak })).status).toBe(304)
    expect(
      (await get('open:cache', { offset: '-1' }, { headers: { 'if-none-match': '"other"' } })).status,
    ).toBe(200)
    await end('open:cache', 2)
    const more = await get('open:cache', { offset: '-1' }, { headers: { 'if-none-match': tag } })
    expect([more.status, await more.json()]).toEqual([200, [1, 2]])
    expect((await get('open:cache', { offset: 'now' })).headers.get('cache-control')).toBe('no-store')
    await publish('closed', 1)
    const token = await node.token('alice', { history: ['closed'] })
    const own = await get('closed', { offset: '-1' }, { headers: { authorization: `Bearer ${token}` } })
    expect([own.status, own.headers.get('cache-control')]).toEqual([
      200,
      'private, max-age=60, stale-while-revalidate=300',
    ])
  })

  it('of what is not kept any more is answered with 410, and the beginning is what is kept', async () => {
    await publish('small:1', 1)
    const token = await node.token('alice', { history: ['small:*'] })
    const init = { headers: { authorization: `Bearer ${token}` } }
    const first = nextOf(await get('small:1', {}, init))
    await publish('small:1', 2, 3, 4, 5)
    expect((await get('small:1', { offset: first }, init)).status).toBe(410)
    expect(await (await get('small:1', { offset: '-1' }, init)).json()).toEqual([4, 5])
    expect((await get('small:1', { offset: 'foreign_0000000000000001' }, init)).status).toBe(410)
  })

  it.each<[string, string, Query, number]>([
    ['without a token', 'closed', {}, 401],
    ['with an offset that is none', 'open', { offset: 'x' }, 400],
    ['live in another way', 'open', { offset: '-1', live: 'yes' }, 400],
    ['live from nowhere', 'open', { live: 'sse' }, 400],
    ['of an inbox', '@alice', {}, 404],
    ['of what is no channel', 'a b', {}, 404],
  ])('%s is refused', async (_, channel, query, status) => {
    expect((await get(channel, query)).status).toBe(status)
  })

  it('takes a token that may read the history, of a channel that has one', async () => {
    const init = async (history: string[]): Promise<RequestInit> => ({
      headers: { authorization: `Bearer ${await node.token('alice', { history })}` },
    })
    expect((await get('closed', {}, await init([]))).status).toBe(403)
    expect((await get('live:1', {}, await init(['*']))).status).toBe(404)
    expect((await get('closed', {}, { method: 'PUT' })).status).toBe(405)
    const late = await init(['closed'])
    await node.api('POST', '/v1/users/alice/revoke')
    expect((await get('closed', {}, late)).status).toBe(401)
  })
})

it('pages of other origins may ask by a tag, and load as script or image only what is public', async () => {
  const preflight = await get('open', {}, { method: 'OPTIONS' })
  expect(preflight.headers.get('access-control-allow-headers')).toContain('If-None-Match')
  const token = await node.token('carol', { history: ['closed'] })
  const init = { headers: { authorization: `Bearer ${token}` } }
  const answers = [
    await get('open'),
    await get('closed', {}, init),
    await get('closed'),
    await get('live:1', {}, init),
  ]
  expect(
    answers.map(({ status, headers }) =>
      [
        status,
        ...['x-content-type-options', 'cross-origin-resource-policy'].map((name) => headers.get(name)),
      ].join(' '),
    ),
  ).toEqual(['200 nosniff cross-origin', '200 nosniff same-origin', '401 nosniff ', '403 nosniff '])
})

describe('a long poll', () => {
  it('is answered once something comes, with a cursor that goes on', async () => {
    const offset = nextOf(await get('open:poll', { offset: 'now' }))
    const waiting = get('open:poll', { offset, live: 'long-poll', cursor: '99999999' })
    await expect.poll(async () => await subscribers('open:poll')).toBe(1)
    await publish('open:poll', 1)
    const answer = await waiting
    expect([answer.status, await answer.json()]).toEqual([200, [1]])
    expect(answer.headers.get('stream-cursor')).toBe('100000000')
    expect(answer.headers.get('cache-control')).toBe('public, max-age=20')
    expect(answer.headers.get('stream-up-to-date')).toBe('true')
    // What is there already is not waited for.
    expect(await (await get('open:poll', { offset, live: 'long-poll' })).json()).toEqual([1])
    await expect.poll(async () => await subscribers('open:poll')).toBe(0)
  })

  it('of a stream that has ended is answered at once, with nothing', async () => {
    await end('open:done', null)
    const answer = await get('open:done', { offset: 'now', live: 'long-poll' })
    // Where the end is now is another place for whoever asks later.
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect([answer.status, answer.headers.get('stream-closed')]).toEqual([204, 'true'])
    const page = await get('open:done', { offset: '-1' })
    // A mark alone is no message.
    expect([await page.json(), page.headers.get('stream-closed')]).toEqual([[], 'true'])
  })

  it('beyond what a node lets wait is sent away', async () => {
    const leave = new AbortController()
    const wait = (): Promise<Response> =>
      get('open:many', { offset: 'now', live: 'long-poll' }, { signal: leave.signal })
    const waiting = [wait(), wait()].map((answer) => answer.catch(() => 'left'))
    await expect.poll(async () => await subscribers('open:many')).toBe(2)
    const third = await wait()
    expect([third.status, third.headers.has('retry-after')]).toEqual([503, true])
    leave.abort()
    expect(await Promise.all(waiting)).toEqual(['left', 'left'])
    await expect.poll(async () => await subscribers('open:many')).toBe(0)
  })
})

it.each(['long-poll', 'sse'])('a revoked token ends a read that waits (%s)', async (live) => {
  const token = await node.token(`rev-${live}`, { subscribe: [], history: ['closed'], issuedSecondsAgo: 5 })
  const at = (await get('closed', { offset: 'now' }, { headers: { authorization: `Bearer ${token}` } }))
    .headers
  const offset = at.get('stream-next-offset') as string
  const waiting = get('closed', { offset, live }, { headers: { authorization: `Bearer ${token}` } })
  if (live === 'sse') await waiting
  await expect.poll(() => node.metric('sluice_subscriptions')).toBeGreaterThan(0)
  await node.api('POST', `/v1/users/rev-${live}/revoke`)
  const answer = await waiting
  expect(answer.status).toBe(live === 'sse' ? 200 : 401)
  expect(await answer.text()).toMatch(live === 'sse' ? /event: control/ : /has been revoked/)
})

describe('an event stream', () => {
  it('has what was missed and what comes, says where it is, and ends with the stream', async () => {
    await publish('open:sse', 1)
    const answer = await get('open:sse', { offset: '-1', live: 'sse' })
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    expect(answer.headers.get('cache-control')).toBe('no-cache, no-store, no-transform')
    await expect.poll(async () => await subscribers('open:sse')).toBe(1)
    await publish('open:sse', 2)
    await end('open:sse', { last: true })
    const events = (await answer.text()).split('\n\n').filter((event) => event !== '')
    const data = events.flatMap((event) => /^event: data\ndata:(.*)$/.exec(event)?.[1] ?? [])
    expect(data.flatMap((text) => JSON.parse(text) as unknown[])).toEqual([1, 2, { last: true }])
    const controls = events.flatMap((event) => /^event: control\ndata:(.*)$/.exec(event)?.[1] ?? [])
    const last = JSON.parse(controls.at(-1) as string) as { streamNextOffset: string }
    expect(last).toMatchObject({ upToDate: true, streamClosed: true })
    expect(last.streamNextOffset).toBe(nextOf(await get('open:sse', { offset: 'now' })))
  })
})

async function subscribers(channel: string): Promise<number> {
  const answer = await node.api('GET', `/v1/channels/${encodeURIComponent(channel)}`)
  return ((await answer.json()) as { subscribers: { local: number } }).subscribers.local
}
