import { createConnection } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EventStream } from '../support/event-stream.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode
let base: string

beforeAll(async () => {
  node = await startNode({
    allowedOrigins: ['https://app.example'],
    limits: { channelsPerStream: 5 },
    heartbeat: { sse: 1000, retryMin: 500, retryMax: 900 },
    namespaces: { short: { max: 2 } },
    feeds: { tailMessages: 2 },
  })
  base = `http://127.0.0.1:${node.port}/v1/sse`
})
afterAll(() => node.close())

const open = async (
  user: string,
  channels: string,
  headers: Record<string, string> = {},
): Promise<EventStream> =>
  EventStream.open(`${base}?channels=${channels}&token=${await node.token(user)}`, headers)

describe('an SSE stream', () => {
  it('is an event stream that no cache keeps and nobody compresses, with a retry of its own and a welcome', async () => {
    const stream = await open('sue', 's:1,s:2')
    expect(stream.response.status).toBe(200)
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream')
    // Without the latter, what compresses answers on their way keeps events back.
    expect(stream.response.headers.get('cache-control')).toBe('no-store, no-transform')
    const { data, id } = await stream.next('welcome')
    expect(data).toMatchObject({
      type: 'welcome',
      user: 'sue',
      channels: { 's:1': { recovered: false }, 's:2': { recovered: false }, '@inbox': { recovered: false } },
    })
    expect(id).toMatch(/^1~/)
    expect(stream.retryMs).toBeGreaterThanOrEqual(500)
    expect(stream.retryMs).toBeLessThanOrEqual(900)
    stream.close()
  })

  it('carries the same JSON as a WebSocket message, and a cursor with each', async () => {
    const stream = await open('sid', 'json:1')
    await stream.next('welcome')
    await node.publish({ channel: 'json:1', data: { text: 'line\nbreak' }, id: 'a' })
    const { data, id } = await stream.next('message')
    expect(data).toMatchObject({ type: 'message', channel: 'json:1', data: { text: 'line\nbreak' }, id: 'a' })
    expect(data['offset']).toBeGreaterThan(0)
    expect(id).toMatch(/^1~/)
    stream.close()
  })

  it('resumes all its channels and the inbox by Last-Event-ID alone', async () => {
    const stream = await open('sal', 'r:1,r:2')
    const { id } = await stream.next('welcome')
    stream.close()
    await node.publish([
      { channel: 'r:1', data: 1 },
      { channel: 'r:2', data: 2 },
      { user: 'sal', data: 3 },
      { channel: 'r:1', data: 4 },
    ])
    const returned = 'sluice_resumes_total{result="returned",transport="sse"}'
    const before = await node.metric(returned)
    const back = await open('sal', 'r:1,r:2', { 'last-event-id': id as string })
    const { data } = await back.next('welcome')
    expect(await node.metric(returned)).toBe(before + 1)
    expect(data['channels']).toMatchObject({ 'r:1': { recovered: true }, 'r:2': { recovered: true } })
    const seen = []
    let cursor
    for (let i = 0; i < 4; i++) {
      const event = await back.next('message')
      seen.push(event.data['data'])
      cursor = event.id
    }
    expect(new Set(seen)).toEqual(new Set([1, 2, 3, 4]))
    expect(seen.indexOf(1)).toBeLessThan(seen.indexOf(4))
    back.close()
    // The last cursor says that all of it was seen.
    const last = await open('sal', 'r:1,r:2', { 'last-event-id': cursor as string })
    await last.next('welcome')
    await node.publish({ channel: 'r:2', data: 5 })
    expect((await last.next('message')).data).toMatchObject({ data: 5 })
    last.close()
  })

  it.each(['cursor', 'lastEventId', 'Last-Event-ID'])(
    'takes the cursor as the parameter %s where a client cannot send the header',
    async (parameter) => {
      const stream = await open('suz', 'q:1')
      const { id } = await stream.next('welcome')
      stream.close()
      await node.publish({ channel: 'q:1', data: parameter })
      const back = await EventStream.open(
        `${base}?channels=q:1&token=${await node.token('suz')}&${parameter}=${encodeURIComponent(id as string)}`,
      )
      await back.next('welcome')
      expect((await back.next('message')).data).toMatchObject({ data: parameter })
      back.close()
    },
  )

  it('takes what a polyfill adds before the cursor of the URL that it was given, and an empty one for none', async () => {
    const stream = await open('pol', 'p:1')
    const { id: first } = await stream.next('welcome')
    await node.publish({ channel: 'p:1', data: 'seen' })
    const { id: second } = await stream.next('message')
    stream.close()
    await node.publish({ channel: 'p:1', data: 'missed' })
    const url = `${base}?channels=p:1&token=${await node.token('pol')}&cursor=${encodeURIComponent(first as string)}`
    for (const [parameter, next] of [
      [`lastEventId=${encodeURIComponent(second as string)}`, 'missed'],
      ['lastEventId=', 'seen'],
    ]) {
      const back = await EventStream.open(`${url}&${parameter}`)
      await back.next('welcome')
      expect((await back.next('message')).data).toMatchObject({ data: next })
      back.close()
    }
  })

  it('tells of a hole with a reset, and its cursor goes on from there', async () => {
    const stream = await open('ray', 'short:1')
    const { id } = await stream.next('welcome')
    stream.close()
    for (let data = 1; data <= 6; data++) await node.publish({ channel: 'short:1', data })
    const back = await open('ray', 'short:1', { 'last-event-id': id as string })
    expect((await back.next('welcome')).data['channels']).toMatchObject({ 'short:1': { recovered: false } })
    const reset = await back.next('reset')
    expect(reset.data).toMatchObject({ type: 'reset', channel: 'short:1', reason: 'trimmed' })
    back.close()
    await node.publish({ channel: 'short:1', data: 7 })
    const again = await open('ray', 'short:1', { 'last-event-id': reset.id as string })
    expect((await again.next('welcome')).data['channels']).toMatchObject({ 'short:1': { recovered: true } })
    expect((await again.next('message')).data).toMatchObject({ data: 7 })
    again.close()
  })

  it('carries binary data as base64', async () => {
    const stream = await open('bob', 'bin:1')
    await stream.next('welcome')
    await node.publish({
      channel: 'bin:1',
      data: Buffer.from([0, 255]).toString('base64'),
      encoding: 'base64',
    })
    expect((await stream.next('message')).data).toMatchObject({ encoding: 'base64', data: 'AP8=' })
    stream.close()
  })

  it('is kept alive by comments', async () => {
    const stream = await open('hal', 'hb:1')
    await stream.next('welcome')
    const reading = stream.next('message')
    await expect.poll(() => stream.comments.length).toBeGreaterThan(0)
    await node.publish({ channel: 'hb:1', data: 1 })
    await reading
    stream.close()
  })

  it('takes the token as a cookie', async () => {
    const stream = await EventStream.open(`${base}?channels=c:1`, {
      cookie: `theme=dark; sluice_token=${await node.token('cookie')}`,
    })
    expect((await stream.next('welcome')).data).toMatchObject({ user: 'cookie' })
    stream.close()
  })

  it('asks for a fresh token before the old one expires, and ends when none came', async () => {
    const token = await node.token('brief', { ttlSeconds: 2 })
    const stream = await EventStream.open(`${base}?channels=c:1&token=${token}`)
    await stream.next('welcome')
    expect((await stream.next('reauth')).data).toMatchObject({ type: 'reauth' })
    const rest = await stream.rest()
    expect(rest.at(-1)).toMatchObject({ event: 'closing', data: { code: 'unauthorized' } })
    const again = await EventStream.open(`${base}?channels=c:1&token=${token}`)
    expect(again.response.status).toBe(401)
  })
})

describe('refusals', () => {
  const answer = async (query: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${base}?${query}`, { headers })
    return { status: response.status, headers: response.headers, body: (await response.json()) as object }
  }

  it.each([
    ['no token', () => 'channels=a', 401, 'unauthorized'],
    ['a bad token', () => 'channels=a&token=bad', 401, 'unauthorized'],
    [
      'a channel that the token does not name',
      async () => `channels=a,b&token=${await node.token('n', { subscribe: ['a'] })}`,
      403,
      'forbidden',
    ],
    [
      'a channel outside the grammar',
      async () => `channels=a..b&token=${await node.token('n')}`,
      400,
      'bad_request',
    ],
    [
      'a forged cursor',
      async () => `channels=a&cursor=1~x&token=${await node.token('n')}`,
      400,
      'bad_request',
    ],
  ])('%s', async (_what, query, status, code) => {
    expect(await answer(await query())).toMatchObject({ status, body: { error: { code } } })
  })

  describe('of an EventSource, whose token is a cookie that its page renews', () => {
    const blind = { accept: 'text/event-stream' }
    const refused = async (headers: Record<string, string>, query = 'channels=a') => {
      const response = await fetch(`${base}?${query}`, { headers: { ...blind, ...headers } })
      return { status: response.status, text: await response.text() }
    }

    it('end as a stream with the reason, and come back', async () => {
      const { status, text } = await refused({ cookie: 'sluice_token=expired' })
      expect(status).toBe(200)
      expect(text).toMatch(/^retry: \d+\nevent: closing\ndata: .*"code":"unauthorized"/)
    })

    it('come back too where the cookie is gone, of one that was served before', async () => {
      const stream = await EventStream.open(`${base}?channels=a`, {
        cookie: `sluice_token=${await node.token('gone')}`,
      })
      const { id } = await stream.next('welcome')
      stream.close()
      expect((await refused({ 'last-event-id': id as string })).status).toBe(200)
    })

    it('are final where the token is in the URL, there never was one, or a status is understood', async () => {
      expect((await refused({ cookie: 'sluice_token=bad' }, 'channels=a&token=bad')).status).toBe(401)
      expect((await refused({})).status).toBe(401)
      expect((await refused({ cookie: 'sluice_token=bad', accept: '*/*' })).status).toBe(401)
    })
  })

  it("another user's cursor", async () => {
    const stream = await open('vic', 'a')
    const { id } = await stream.next('welcome')
    stream.close()
    const query = `channels=a&token=${await node.token('mal')}`
    const refused = await answer(query, { 'last-event-id': id as string })
    expect(refused).toMatchObject({ status: 403, body: { error: { code: 'forbidden' } } })
  })

  it('an origin that is not in the list', async () => {
    const refused = await answer(`channels=a&token=${await node.token('n')}`, {
      origin: 'https://evil.example',
    })
    expect(refused).toMatchObject({ status: 403 })
    expect(refused.headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('CORS', () => {
  it('echoes an origin of the list, never *, and varies by it', async () => {
    const stream = await open('cors', 'a', { origin: 'https://app.example' })
    const { headers } = stream.response
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(headers.get('access-control-allow-credentials')).toBe('true')
    expect(headers.get('vary')).toContain('Origin')
    stream.close()
  })

  it('answers a preflight', async () => {
    const response = await fetch(base, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'GET' },
    })
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-headers')).toContain('Authorization')
  })

  it('answers a preflight without a length: proxies take any for a broken answer', async () => {
    const socket = createConnection(node.port, '127.0.0.1')
    socket.end(
      'OPTIONS /v1/sse HTTP/1.1\r\nHost: x\r\nOrigin: https://app.example\r\nConnection: close\r\n\r\n',
    )
    let answer = ''
    for await (const chunk of socket) {
      answer += String(chunk)
      if (answer.includes('\r\n\r\n')) break
    }
    expect(answer).toMatch(/^HTTP\/1\.1 204 /)
    expect(answer).not.toMatch(/content-length/i)
  })

  it('takes several lists of channels', async () => {
    const stream = await open('several', 'a&channels=b')
    expect(Object.keys((await stream.next('welcome')).data['channels'] as object).toSorted()).toEqual([
      '@inbox',
      'a',
      'b',
    ])
    stream.close()
  })
})
