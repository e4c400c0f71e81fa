import { readFileSync } from 'node:fs'
import * as http from 'node:http'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import * as helper from '../../packages/server/src/index.ts'
import { readWebhook, SluiceError, SluiceServer, type BatchResult } from '../../packages/server/src/index.ts'
import { pauseMs, retryAfterMs } from '../../packages/server/src/retry.ts'
import { createClient } from '../../src/client/node.ts'
import { WEBHOOK_EVENTS } from '../../src/config/webhooks-section.ts'
import { written } from '../../src/webhooks/words.ts'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { freePorts } from '../support/server-process.ts'
import { runScript, Snippets } from '../support/snippets.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** `@sluice/server` with a gateway, with one that is away for a while, and with what stands in its place and says when to come back. */

const backoff = { baseMs: 5, maxMs: 20 }
/** The first pause is longer than any deadline: what is given up is so on a busy machine too. */
const HOURS = { baseMs: 1e10, maxMs: 1e10 }

let node: StartedNode
let proxy: CuttingProxy
let server: SluiceServer
const servers: Server[] = []

beforeAll(async () => {
  node = await startNode({
    limits: { publishBatch: 8 },
    api: { keys: ['tests:publish+admin:a-key-for-tests-only', 'shop:publish@shop:a-key-for-the-shop-only'] },
  })
  proxy = new CuttingProxy(node.apiPort)
  await proxy.listen()
  server = serverAt(proxy.port)
})
afterEach(() => {
  for (const one of servers.splice(0)) one.close()
})
afterAll(async () => {
  await proxy.close()
  await node.close()
})

function serverAt(port: number, more: object = {}): SluiceServer {
  const { apiKey: key, secret } = node
  return new SluiceServer({ url: `http://127.0.0.1:${port}`, key, secret, backoff, ...more })
}

/** Something in the place of the gateway, which answers as `answer` says, by the number of the request. */
async function standIn(
  answer: (count: number, request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<number> {
  let count = 0
  const one = createServer((request, response) => {
    void text(request).then((body) => answer(count++, request, response, body))
  })
  servers.push(one)
  await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve))
  return (one.address() as AddressInfo).port
}

const refusal = (code: string): string => JSON.stringify({ error: { code, message: `${code} for a while` } })

const codes = (results: readonly BatchResult[]): unknown[] =>
  results.map((result) =>
    'results' in result ? result.results.map((one) => one.error?.code) : result.error?.code,
  )

describe('publish and send', () => {
  it('reach a channel and a user, as JSON and as bytes, with what the message says of itself', async () => {
    const first = await server.publish(
      'news',
      { n: 1 },
      { id: 'one', event: 'price', headers: { lang: 'de' } },
    )
    expect(first).toMatchObject({ position: { offset: 1 }, duplicate: false, degraded: false })
    expect(await server.publish('news', { n: 2 }, { id: 'one' })).toMatchObject({ ...first, duplicate: true })
    await server.publish('news', Uint8Array.of(1, 2))
    const { messages, head } = await server.history('news', { last: 5 })
    expect(messages).toMatchObject([
      { data: { n: 1 }, id: 'one', event: 'price', headers: { lang: 'de' }, position: first.position },
      { data: Uint8Array.of(1, 2), position: head },
    ])
    expect((await server.history('news', { after: first.position ?? head })).messages).toHaveLength(1)
    expect(await server.channel('news')).toMatchObject({ channel: 'news', position: head })
    const seen: unknown[] = []
    const client = createClient({
      url: `ws://127.0.0.1:${node.port}/v1/ws`,
      token: server.token({ user: 'alice' }),
    })
    client.inbox(({ data }) => seen.push(data))
    await client.connect()
    await server.send('alice', 'for you')
    await expect.poll(() => seen).toEqual(['for you'])
    expect((await server.whereIs('alice')).sessions).toHaveLength(1)
    expect(await server.subscribe('alice', ['orders:1', 'orders:2'])).toMatchObject({
      user: 'alice',
      sessions: 1,
    })
    await server.unsubscribe('alice', ['orders:2'])
    expect((await server.channelsOf('alice')).channels).toEqual([{ channel: 'orders:1' }])
    expect(await server.disconnect('alice')).toMatchObject({ disconnected: 1 })
    client.close()
    expect(await server.revoke('alice')).toMatchObject({ user: 'alice' })
  })

  it('go on until a gateway that is away is back, and are published once', async () => {
    proxy.refusing = true
    proxy.cut(1)
    let failed = 0
    const counting: typeof fetch = (input, init) =>
      fetch(input, init).catch((error: unknown) => {
        failed++
        throw error
      })
    const patient = serverAt(proxy.port, { fetch: counting })
    const sent = patient.publish('away', 'hello')
    const history = patient.history('away')
    await expect.poll(() => failed).toBeGreaterThan(3)
    proxy.refusing = false
    expect(await sent).toMatchObject({ position: { offset: 1 } })
    await history
    expect((await server.history('away')).messages).toHaveLength(1)
  })

  it('are not published again where the answer was lost on the way', async () => {
    let lost = 0
    const port = await standIn((count, _, response, body) => {
      void fetch(`http://127.0.0.1:${node.apiPort}/v1/publish`, {
        method: 'POST',
        headers: { authorization: `Bearer ${node.apiKey}` },
        body,
      }).then(async (answer) => {
        if (count > 1) response.end(await answer.text())
        else {
          lost++
          response.destroy()
        }
      })
    })
    expect(await serverAt(port).publish('lost', 'hello')).toMatchObject({
      duplicate: true,
      position: { offset: 1 },
    })
    expect(lost).toBe(2)
    expect((await server.history('lost')).messages).toHaveLength(1)
  })

  it('use a connection again', async () => {
    const ports = new Set<unknown>()
    const port = await standIn((_, request, response) => {
      ports.add(request.socket.remotePort)
      response.end('{}')
    })
    const one = serverAt(port)
    for (let count = 0; count < 20; count++) await one.publish('news', count)
    // The platform opens a second one where the first is not given back yet.
    expect(ports.size).toBeLessThan(5)
  })
})

describe.each([
  [429, 'rate_limited', 1],
  [503, 'unavailable', 0],
])('an answer of %d', (status, code, seconds) => {
  it('is waited for as long as it says, with the same id, and what is refused for good is not', async () => {
    const ids: unknown[] = []
    const at: number[] = []
    const port = await standIn((count, _, response, body) => {
      ids.push((JSON.parse(body) as { id: unknown }).id)
      at.push(performance.now())
      if (count > 0) response.end('{"epoch":"e","offset":7}')
      else response.writeHead(status, { 'retry-after': String(seconds) }).end(refusal(code))
    })
    expect(await serverAt(port).publish('news', 1)).toMatchObject({ position: { epoch: 'e', offset: 7 } })
    expect(ids).toEqual([expect.any(String), ids[0]])
    expect((at[1] as number) - (at[0] as number)).toBeGreaterThan(seconds * 990)
  })

  it('that comes back after the deadline is told at once, with both', async () => {
    let asked = 0
    const port = await standIn((count, _, response) => {
      asked = count + 1
      response.writeHead(status, { 'retry-after': '3600', 'x-request-id': 'r1' }).end(refusal(code))
    })
    const refused = await serverAt(port)
      .publish('news', 1)
      .catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(SluiceError)
    expect(refused).toMatchObject({ code, status, requestId: 'r1', retryAfterMs: 3_600_000, retryable: true })
    expect((refused as Error).message).toMatch(/for a while .*1 attempts.*deadlineMs.*after 3600 s/)
    expect(asked).toBe(1)
  })
})

describe('a pause', () => {
  it('is drawn below a bound that doubles, and comes behind what the gateway says, in seconds or as a date', () => {
    const bounds = [0, 1, 2, 9].map((attempt) => pauseMs({ baseMs: 100, maxMs: 5000 }, attempt, undefined, 1))
    expect(bounds).toEqual([100, 200, 400, 5000])
    expect(pauseMs({ baseMs: 100, maxMs: 5000 }, 3, 2000, 0)).toBe(2000)
    const nowMs = Date.parse('2026-01-01T00:00:00Z')
    const headers = ['7', 'Thu, 01 Jan 2026 00:01:00 GMT', 'Wed, 31 Dec 2025 00:00:00 GMT', 'soon', null]
    expect(headers.map((header) => retryAfterMs(header, nowMs))).toEqual([
      7000,
      60_000,
      0,
      undefined,
      undefined,
    ])
  })
})

describe('what is wrong', () => {
  const messageOf = async (call: Promise<unknown>): Promise<string> =>
    String(await call.catch((error: unknown) => error))

  it('is said with what to do about it, and without the key', async () => {
    const key = 'a-key-that-nobody-knows'
    const other = serverAt(node.apiPort, { key })
    const said = await messageOf(other.publish('news', 1))
    expect(said).toMatch(/`key` is to be one of `api.keys`/)
    expect(said).not.toContain(key)
    await expect(server.publish('two words', 1)).rejects.toMatchObject({ code: 'bad_request', status: 400 })
    expect(await messageOf(serverAt(node.port).publish('news', 1))).toContain('api.port')
    const page = await standIn((_, __, response) => response.writeHead(404).end('<h1>not here</h1>'))
    expect(await messageOf(serverAt(page).publish('news', 1))).toMatch(/answered 404.*second listener/)
    const [nobody = 0] = await freePorts(1)
    expect(await messageOf(serverAt(nobody, { backoff: HOURS }).publish('news', 1))).toMatch(
      /ECONNREFUSED.*is the gateway running\?.*given up after \d+ attempts/,
    )
    const silent = await standIn(() => undefined)
    expect(await messageOf(serverAt(silent, { deadlineMs: 30 }).publish('news', 1))).toContain(
      'not answer in time',
    )
    expect(() => serverAt(1, { url: '127.0.0.1:8081' })).toThrow('http://127.0.0.1:8081')
    expect(() => server.disconnect('..')).toThrow('cannot be named')
  })

  it('ends with the signal of the caller, while it waits and while it asks', async () => {
    const reason = new Error('the request of the browser is gone')
    const port = await standIn((_, __, response) => {
      response.writeHead(503, { 'retry-after': '20' }).end(refusal('unavailable'))
      setImmediate(() => gone.abort(reason))
    })
    const gone = new AbortController()
    await expect(serverAt(port).publish('news', 1, { signal: gone.signal })).rejects.toBe(reason)
    const silent = await standIn(() => left.abort(reason))
    const left = new AbortController()
    await expect(serverAt(silent).publish('news', 1, { signal: left.signal })).rejects.toBe(reason)
  })
})

describe('publishBatch', () => {
  it('answers for each message, in order, over as many requests as the gateway takes', async () => {
    const messages = Array.from({ length: 30 }, (_, data) => ({ channel: 'many', data }))
    const results = await server.publishBatch(messages)
    expect(results.map((result) => ('position' in result ? result.position?.offset : undefined))).toEqual(
      messages.map((_, index) => index + 1),
    )
    const { messages: kept } = await server.history('many', { last: 100 })
    expect(kept.map(({ data }) => data)).toEqual(messages.map(({ data }) => data))
    expect(await server.publishBatch([])).toEqual([])
    await expect(server.publishBatch([{ users: [], data: 1 }])).rejects.toThrow('users is empty')
  })

  it('publishes the others where some are refused', async () => {
    const results = await serverAt(node.apiPort, { key: 'a-key-for-the-shop-only' }).publishBatch([
      { channel: 'shop:1', data: 1 },
      { channel: 'news', data: 2 },
      { channels: ['shop:1', 'shop:not a name', 'shop:2'], data: 3 },
      { channel: 'shop:1', data: 4 },
    ])
    expect(codes(results)).toEqual([undefined, 'forbidden', [undefined, 'bad_request', undefined], undefined])
    const { messages } = await server.history('shop:1')
    expect(messages.map(({ data }) => data)).toEqual([1, 3, 4])
  })

  it('repeats what may work later, that alone and with its id, and keeps what was answered', async () => {
    const bodies: { readonly id: string; readonly channels?: readonly string[]; readonly data: unknown }[][] =
      []
    const failed = JSON.parse(refusal('unavailable')) as object
    const port = await standIn((count, _, response, body) => {
      bodies.push(JSON.parse(body) as never)
      const done = { epoch: 'e', offset: count }
      response.end(
        JSON.stringify(
          count === 0
            ? [done, failed, { results: [done, failed] }]
            : [{ ...done, duplicate: true }, { results: [done] }],
        ),
      )
    })
    const results = await serverAt(port).publishBatch([
      { channel: 'a', data: 1 },
      { channel: 'b', data: 2 },
      { channels: ['c', 'd'], data: 3 },
    ])
    expect(codes(results)).toEqual([undefined, undefined, [undefined, undefined]])
    expect(results[0]).toMatchObject({ position: { offset: 0 }, duplicate: false })
    expect(results[1]).toMatchObject({ position: { offset: 1 }, duplicate: true })
    const [first = [], second = []] = bodies
    expect(second.map(({ data, channels }) => [data, channels])).toEqual([
      [2, undefined],
      [3, ['d']],
    ])
    expect(second.map(({ id }) => id)).toEqual(first.slice(1).map(({ id }) => id))
  })

  it('says of each that was left when the time was over, and rejects where none got through', async () => {
    const failed = JSON.parse(refusal('unavailable')) as object
    const port = await standIn((_, __, response, body) => {
      const sent = JSON.parse(body) as readonly { readonly data: number }[]
      response.end(JSON.stringify(sent.map(({ data }) => (data === 1 ? { epoch: 'e', offset: 1 } : failed))))
    })
    const results = await serverAt(port, { backoff: HOURS, batchMax: 2 }).publishBatch([
      { channel: 'a', data: 1 },
      { channel: 'b', data: 2 },
    ])
    expect(codes(results)).toEqual([undefined, 'unavailable'])
    await expect(
      serverAt(node.apiPort, { key: 'a-wrong-key-for-tests' }).publishBatch([{ channel: 'a', data: 1 }]),
    ).rejects.toMatchObject({ code: 'unauthorized' })
  })
})

describe('token', () => {
  it('is taken by the gateway, allows what it lists, and is good for as long as it says', async () => {
    const token = server.token({ user: 'bob', subscribe: ['news:*'], ttlSeconds: 60, claims: { shop: 7 } })
    const [header = '', payload = ''] = token.split('.')
    const decoded = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString())
    expect(decoded(header)).toEqual({ alg: 'HS256', typ: 'JWT' })
    const { iat, exp } = decoded(payload) as { readonly iat: number; readonly exp: number }
    expect(exp - iat).toBe(60)
    const client = createClient({ url: `ws://127.0.0.1:${node.port}/v1/ws`, token })
    await client.connect()
    expect(client.user).toBe('bob')
    await client.subscribe('news:1', () => undefined).ready
    await expect(
      client.subscribe('other', () => undefined, { onError: () => undefined }).ready,
    ).rejects.toMatchObject({ code: 'forbidden' })
    client.close()
  })

  it.each([
    [{ user: '' }, 'user is to be'],
    [{ user: 'a\nb' }, 'user is to be'],
    [{ user: 'a', subscribe: ['*news'] }, 'subscribe: "*news" is no pattern'],
    [{ user: 'a', ttlSeconds: 0 }, 'ttlSeconds'],
  ])('is not made of %j', (options, message) => {
    expect(() => server.token(options)).toThrow(message)
  })

  it('is not made without a secret that is long enough', () => {
    expect(() => serverAt(1, { secret: 'short' }).token({ user: 'a' })).toThrow('at least 32 bytes')
  })
})

describe('readWebhook', () => {
  const secret = `whsec_${Buffer.from('twenty-four bytes at least').toString('base64')}`
  const nowMs = 1_800_000_000_000
  const { headers, body } = written(
    [{ id: 'e1', kind: 'user_connected', atMs: 5, user: 'Jürgen' }],
    secret,
    nowMs,
  )

  it('reads what the gateway has signed, as text or bytes, with the headers of Node or of fetch', () => {
    const events = [{ id: 'e1', type: 'user_connected', time: 5, user: 'Jürgen' }]
    expect(readWebhook(secret, { headers, body }, { nowMs })).toEqual(events)
    const fetched = { headers: new Headers(headers), body: Buffer.from(body) }
    expect(readWebhook(secret, fetched, { nowMs })).toEqual(events)
    const signature = `v1,AAAA v2,x ${headers['webhook-signature']}`
    const several = { headers: { ...headers, 'webhook-signature': signature }, body }
    expect(readWebhook(secret, several, { nowMs })).toEqual(events)
    const plain = 'a text of its own, longer than some'
    const [event] = readWebhook(plain, written([{ id: 'e2', kind: 'cache_miss', atMs: 1 }], plain, nowMs), {
      nowMs,
    })
    expect(event).toMatchObject({ id: 'e2' })
  })

  it.each([
    ['another body', { headers, body: `${body} ` }, 'the signature'],
    ['no signature', { headers: { 'webhook-id': 'e1' }, body }, 'not signed'],
    ['another id', { headers: { ...headers, 'webhook-id': 'e2' }, body }, 'the signature'],
    ['a later time', { headers: { ...headers, 'webhook-timestamp': '1800000001' }, body }, 'the signature'],
    ['an old time', { headers: { ...headers, 'webhook-timestamp': '1799999000' }, body }, 'too old'],
    ['a time that is none', { headers: { ...headers, 'webhook-timestamp': 'now' }, body }, 'too old'],
  ])('refuses %s', (_, request, message) => {
    expect(() => readWebhook(secret, request, { nowMs })).toThrow(message)
    expect(() => readWebhook('another secret', { headers, body }, { nowMs })).toThrow('the signature')
  })

  it('knows every event that the gateway tells of', () => {
    const source = readFileSync(new URL('../../packages/server/src/webhook.ts', import.meta.url), 'utf8')
    const known = [...source.matchAll(/^ {4}\| '(\w+)'$/gm)].map(([, type]) => type)
    expect(new Set(known)).toEqual(new Set(WEBHOOK_EVENTS))
  })
})

describe('packages/server/README.md', () => {
  it('publishes to a channel and to a user as it is written there', async () => {
    const page = new Snippets('packages/server/README.md', [
      ['http://127.0.0.1:8081', `http://127.0.0.1:${node.apiPort}`],
    ])
    const [install = '', code = '', ...others] = page.takeAll('')
    expect([install.trim(), others]).toEqual(['npm install @sluice/server', []])
    const token = await node.token('alice', { subscribe: ['news'] })
    const client = createClient({ url: `ws://127.0.0.1:${node.port}/v1/ws`, token })
    const seen: unknown[] = []
    client.inbox(({ data }) => seen.push(data))
    await client.connect()
    await client.subscribe('news', ({ data }) => seen.push(data)).ready
    const env = { SLUICE_API_KEY: node.apiKey, SLUICE_JWT_SECRET: node.secret }
    await runScript(code, { modules: { '@sluice/server': helper }, given: { process: { env } } })
    // Between the inbox and a channel there is no order.
    await expect
      .poll(() => new Set(seen))
      .toEqual(new Set([{ title: 'Hello' }, { order: 42, state: 'shipped' }]))
    client.close()
  })
})

describe('docs/server.md', () => {
  it('has snippets that run as they are written', async () => {
    const page = new Snippets('docs/server.md', [
      ['http://127.0.0.1:8081', `http://127.0.0.1:${node.apiPort}`],
    ])
    const modules = { '@sluice/server': helper, 'node:http': http }
    const env = { SLUICE_API_KEY: node.apiKey, SLUICE_JWT_SECRET: node.secret }
    const { sluice } = await runScript<{ readonly sluice: SluiceServer }>(page.take('server'), {
      ...{ modules, given: { process: { env } }, gives: ['sluice'] },
    })
    await runScript(page.take('publish'), { given: { sluice } })
    const complaints: unknown[] = []
    const batch = { sluice, console: { error: (code: unknown) => complaints.push(code) } }
    await runScript(page.take('batch'), { given: batch })
    expect(complaints).toEqual(['bad_request'])
    const { messages } = await runScript<{ readonly messages: readonly { readonly data: unknown }[] }>(
      page.take('users'),
      { given: { sluice }, gives: ['messages'] },
    )
    expect(messages.at(-1)?.data).toEqual({ title: 'One' })
    let user: object | undefined = { id: 'gina', team: 'red' }
    const { pages } = await runScript<{ readonly pages: Server }>(page.take('endpoint'), {
      ...{ modules, given: { sluice, userOf: () => user }, gives: ['pages'] },
    })
    servers.push(pages)
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
    const address = `http://127.0.0.1:${(pages.address() as AddressInfo).port}/`
    const { token } = (await (await fetch(address)).json()) as { readonly token: string }
    const client = createClient({ url: `ws://127.0.0.1:${node.port}/v1/ws`, token })
    await client.connect()
    await client.subscribe('team:red:1', () => undefined).ready
    client.close()
    user = undefined
    expect((await fetch(address)).status).toBe(401)
    const secret = 'a secret that only the gateway has'
    const asked = written([{ id: 'e1', kind: 'user_connected', atMs: 5, user: 'a' }], secret, Date.now())
    const remembered: unknown[] = []
    const { told } = await runScript<{ readonly told: http.RequestListener }>(page.take('webhook'), {
      modules,
      given: { secret, bodyOf: text, remember: (event: unknown) => remembered.push(event) },
      gives: ['told'],
    })
    pages.removeAllListeners('request').on('request', told)
    const { headers, body } = asked
    expect((await fetch(address, { method: 'POST', headers, body })).status).toBe(204)
    expect((await fetch(address, { method: 'POST', headers, body: '{}' })).status).toBe(401)
    expect(remembered).toEqual([{ id: 'e1', type: 'user_connected', time: 5, user: 'a' }])
    expect(page.left.map((left) => left.text.trim())).toEqual(['npm install @sluice/server'])
  })
})
