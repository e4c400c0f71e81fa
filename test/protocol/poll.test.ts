import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode
let base: string

interface Answer {
  readonly status: number
  readonly messages: readonly Readonly<Record<string, unknown>>[]
  readonly resets: readonly Readonly<Record<string, unknown>>[]
  readonly cursor: string
}

beforeAll(async () => {
  node = await startNode({ namespaces: { short: { max: 2 } }, feeds: { tailMessages: 2 } })
  base = `http://127.0.0.1:${node.port}/v1/poll`
})
afterAll(() => node.close())

const poll = async (user: string, query: string): Promise<Answer> => {
  const response = await fetch(`${base}?${query}`, {
    headers: { authorization: `Bearer ${await node.token(user)}` },
  })
  return { status: response.status, ...((await response.json()) as Omit<Answer, 'status'>) }
}

const next = (user: string, channels: string, cursor: string, wait = 25): Promise<Answer> =>
  poll(user, `channels=${channels}&cursor=${encodeURIComponent(cursor)}&wait=${wait}`)

describe('a long poll', () => {
  it('answers at once with a cursor where it need not wait', async () => {
    expect(await poll('pat', 'channels=p:1&wait=0')).toMatchObject({ status: 200, messages: [], resets: [] })
  })

  it('is answered as soon as a message comes', async () => {
    const { cursor } = await poll('per', 'channels=p:2&wait=0')
    const waiting = next('per', 'p:2', cursor)
    await expect.poll(() => node.metric('sluice_connections{transport="poll"}')).toBe(1)
    await node.publish({ channel: 'p:2', data: 'now' })
    expect(await waiting).toMatchObject({ messages: [{ type: 'message', channel: 'p:2', data: 'now' }] })
  })

  it('brings what came between two polls, on all its channels and the inbox, once', async () => {
    const { cursor } = await poll('pol', 'channels=p:3,p:4&wait=0')
    await node.publish([
      { channel: 'p:3', data: 1 },
      { channel: 'p:4', data: 2 },
      { user: 'pol', data: 3 },
    ])
    const first = await next('pol', 'p:3,p:4', cursor)
    expect(new Set(first.messages.map(({ data }) => data))).toEqual(new Set([1, 2, 3]))
    const second = await next('pol', 'p:3,p:4', first.cursor, 0)
    expect(second).toMatchObject({ messages: [], resets: [] })
    expect(second.cursor.replace(/~-ticket-[^~]*/, '')).toBe(first.cursor.replace(/~-ticket-[^~]*/, ''))
  })

  it('waits without a cursor too', async () => {
    const waiting = poll('fresh', 'channels=p:5&wait=25')
    await expect.poll(() => node.metric('sluice_connections{transport="poll"}')).toBe(1)
    await node.publish({ channel: 'p:5', data: 'first' })
    expect(await waiting).toMatchObject({ messages: [{ data: 'first' }] })
  })

  it('comes back with empty lists when its time is over', async () => {
    expect(await poll('idle', 'channels=p:6&wait=0.2')).toMatchObject({ messages: [], resets: [] })
  })

  it('is answered at once with its cursor where the node goes away', async () => {
    const leaving = await startNode()
    const url = `http://127.0.0.1:${leaving.port}/v1/poll?channels=p:6&token=${await leaving.token('pia')}`
    const { cursor } = (await (await fetch(`${url}&wait=0`)).json()) as Answer
    const waiting = fetch(`${url}&wait=25&cursor=${encodeURIComponent(cursor)}`)
    await expect.poll(() => leaving.metric('sluice_connections{transport="poll"}')).toBe(1)
    await leaving.close()
    expect(await (await waiting).json()).toEqual({ messages: [], resets: [], cursor })
  })

  it('tells of a hole at once', async () => {
    const { cursor } = await poll('hole', 'channels=short:1&wait=0')
    for (let data = 1; data <= 6; data++) await node.publish({ channel: 'short:1', data })
    const answer = await next('hole', 'short:1', cursor)
    expect(answer.resets).toMatchObject([{ type: 'reset', channel: 'short:1', reason: 'trimmed' }])
    await node.publish({ channel: 'short:1', data: 7 })
    expect(await next('hole', 'short:1', answer.cursor)).toMatchObject({
      messages: [{ data: 7 }],
      resets: [],
    })
  })

  it('a request that is given up leaves nothing behind', async () => {
    const aborts = new AbortController()
    const waiting = fetch(`${base}?channels=p:7&token=${await node.token('gone')}`, { signal: aborts.signal })
    await expect.poll(() => node.metric('sluice_connections{transport="poll"}')).toBe(1)
    aborts.abort()
    await expect(waiting).rejects.toThrow('abort')
    await expect.poll(() => node.metric('sluice_connections{transport="poll"}')).toBe(0)
  })
})

describe('refusals', () => {
  it.each([
    ['a wait that is no number', 'channels=a&wait=soon', 400],
    ['a negative wait', 'channels=a&wait=-1', 400],
    ['a wait beyond the limit', 'channels=a&wait=999', 400],
    ['a forged cursor', 'channels=a&cursor=2~x', 400],
    ['a channel outside the grammar', 'channels=a*', 400],
  ])('%s', async (_what, query, status) => {
    const answer = await poll('wrong', query)
    expect(answer).toMatchObject({ status, error: { code: 'bad_request' } })
  })

  it('an expired token', async () => {
    const token = await node.token('late', { ttlSeconds: 1, issuedSecondsAgo: 60 })
    expect((await fetch(`${base}?channels=a&token=${token}`)).status).toBe(401)
  })

  it('another method', async () => {
    const { status, headers } = await fetch(base, { method: 'POST', body: '{}' })
    expect({ status, allow: headers.get('allow') }).toEqual({ status: 405, allow: 'GET, HEAD, OPTIONS' })
  })
})
