import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageVersion } from '../../src/package-version.ts'
import { RawClient } from '../support/raw-client.ts'
import { EventStream } from '../support/event-stream.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode
let ajv: Ajv2020
let document: OpenApi
/** The operations and statuses of the document that an answer was held against. */
const exercised = new Set<string>()

interface Needed {
  readonly bearer: readonly string[]
}

interface OpenApi {
  readonly openapi: string
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { responses: Readonly<Record<string, object>>; security?: readonly Needed[] }>>
    >
  >
  readonly security: readonly Needed[]
  readonly components: object
}

beforeAll(async () => {
  node = await startNode({
    limits: { payload: '1KiB', requestBody: '8KiB', publishBatch: 5 },
    namespaces: { live: { delivery: 'ephemeral' }, short: { max: 2 } },
    api: {
      keys: [
        `tests:publish+admin:a-key-for-tests-only`,
        'backend:publish:a-key-that-only-publishes',
        'support:history:a-key-that-only-reads',
        'shop:publish+history@shop|@:a-key-of-the-shop-only',
        'site:publish+history@site:a-key-of-the-site-only',
      ],
    },
  })
  const answer = await fetch(`http://127.0.0.1:${node.apiPort}/openapi.json`)
  document = (await answer.json()) as OpenApi
  ajv = new Ajv2020({ strict: false })
  ajv.addSchema({ $id: 'api', ...document }, 'api')
})
afterAll(() => node.close())

interface Asked {
  readonly method: string
  /** As the document has it; what stands in braces is replaced by `params`. */
  readonly path: string
  readonly params?: Readonly<Record<string, string>>
  readonly query?: string
  readonly body?: unknown
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly json: unknown
}

/** Sends a request and holds the answer against the document. */
async function ask({
  method,
  path,
  params = {},
  query = '',
  body,
  text,
  headers = {},
}: Asked): Promise<Answer> {
  let url = `http://127.0.0.1:${node.apiPort}${path}${query}`
  for (const [name, value] of Object.entries(params)) url = url.replace(`{${name}}`, value)
  const payload = text ?? (body === undefined ? undefined : JSON.stringify(body))
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${node.apiKey}`, ...headers },
    ...(payload === undefined ? {} : { body: payload }),
  })
  const raw = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
  const json: unknown = isJson ? JSON.parse(raw) : raw
  const operation = document.paths[path]?.[method.toLowerCase()]
  const described = operation?.responses[String(response.status)]
  expect(described, `${method} ${path} answered ${response.status}: ${raw}`).toBeDefined()
  exercised.add(`${method} ${path}`)
  if (isJson) {
    const pointer = [
      path,
      method.toLowerCase(),
      'responses',
      String(response.status),
      'content',
      'application/json',
      'schema',
    ]
      .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/')
    const fits = ajv.validate({ $ref: `api#/paths/${pointer}` }, json)
    expect(ajv.errorsText(), raw).toBe('No errors')
    expect(fits).toBe(true)
  }
  expect(response.headers.get('x-request-id')).toMatch(/^[\x21-\x7e]{1,128}$/)
  return { status: response.status, headers: response.headers, json }
}

const publish = (body: unknown, more: Partial<Asked> = {}): Promise<Answer> =>
  ask({ method: 'POST', path: '/v1/publish', body, ...more })

describe('publish', () => {
  it('answers the position of one message', async () => {
    const { status, json } = await publish({ channel: 'api:1', data: { a: 1 } })
    expect(status).toBe(200)
    expect(json).toEqual({ epoch: expect.any(String), offset: expect.any(Number) })
  })

  it('counts a message for several channels as so many', async () => {
    const message = { channels: ['many:1', 'many:2', 'many:3'], data: 1 }
    expect((await publish([message])).status).toBe(200)
    const { status, json } = await publish([message, message])
    expect(status).toBe(413)
    expect(json).toMatchObject({
      error: { message: expect.stringContaining('limits.publishBatch allows 5') },
    })
  })

  it('refuses what is not UTF-8 instead of changing it', async () => {
    const body = Buffer.concat([
      Buffer.from('{"channel":"api:1","data":"caf'),
      Buffer.from([0xe9, 0x22, 0x7d]),
    ])
    const response = await fetch(`http://127.0.0.1:${node.apiPort}/v1/publish`, {
      method: 'POST',
      headers: { authorization: `Bearer ${node.apiKey}` },
      body,
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { message: 'the body is not UTF-8' } })
  })

  it('is not for a node that lives here no more', async () => {
    const { status, json } = await publish(
      { channel: 'api:1', data: 1 },
      { headers: { 'x-sluice-node': 'gone' } },
    )
    expect(status).toBe(404)
    expect(json).toMatchObject({
      error: { message: expect.stringContaining(`at this address is node ${node.id}`) },
    })
  })

  it('answers a repeated id with the first position', async () => {
    const first = await publish({ channel: 'api:2', data: 1, id: 'same' })
    const second = await publish({ channel: 'api:2', data: 2, id: 'same' })
    expect(second.json).toEqual({ ...(first.json as object), duplicate: true })
  })

  it('answers nothing but success on an ephemeral channel', async () => {
    expect((await publish({ channel: 'live:1', data: 1 })).json).toEqual({})
  })

  it('publishes to several channels or users, with a result for each in order', async () => {
    const { json } = await publish({ channels: ['api:3', 'a..b', 'api:4'], data: 1 })
    expect(json).toMatchObject({
      results: [{ offset: 1 }, { error: { code: 'bad_request' } }, { offset: 1 }],
    })
    expect((await publish({ users: ['ann', 'ben'], data: 1 })).json).toMatchObject({
      results: [{ offset: 1 }, { offset: 1 }],
    })
  })

  it('publishes an array, with each failure in its place', async () => {
    const { status, json } = await publish([
      { channel: 'api:5', data: 1 },
      { channel: 'api:5' },
      { channel: 'api:5', data: 'x'.repeat(2000) },
      { channel: 'api:5', data: 2 },
    ])
    expect(status).toBe(200)
    expect(json).toMatchObject([
      { offset: 1 },
      { error: { code: 'bad_request' } },
      { error: { code: 'limit_exceeded' } },
      { offset: 2 },
    ])
  })

  it('takes the key as X-API-Key too, and the scope publish is enough', async () => {
    const headers = { authorization: '', 'x-api-key': 'a-key-that-only-publishes' }
    const response = await fetch(`http://127.0.0.1:${node.apiPort}/v1/publish`, {
      method: 'POST',
      headers: { 'x-api-key': headers['x-api-key'] },
      body: '{"channel":"api:6","data":1}',
    })
    expect(response.status).toBe(200)
  })

  it.each([
    ['a body that is not JSON', { text: 'hello' }, 400, 'JSON'],
    ['a body that is no message', { body: 5 }, 400, 'object'],
    ['an empty array', { body: [] }, 400, 'empty'],
    ['no target', { body: { data: 1 } }, 400, 'exactly one'],
    ['two targets', { body: { channel: 'a', user: 'b', data: 1 } }, 400, 'exactly one'],
    ['a channel outside the grammar', { body: { channel: '@ann', data: 1 } }, 400, 'channel'],
    ['a user that is no user', { body: { user: '', data: 1 } }, 400, 'user'],
    ['channels that are no list', { body: { channels: 'a', data: 1 } }, 400, 'channels'],
    ['no data', { body: { channel: 'a' } }, 400, 'data'],
    ['an unknown field', { body: { channel: 'a', data: 1, dta: 2 } }, 400, 'dta'],
    ['an unknown encoding', { body: { channel: 'a', data: '', encoding: 'hex' } }, 400, 'base64'],
    ['bad base64', { body: { channel: 'a', data: '???', encoding: 'base64' } }, 400, 'base64'],
    ['an id that is no text', { body: { channel: 'a', data: 1, id: 7 } }, 400, 'id'],
    ['an id that is too long', { body: { channel: 'a', data: 1, id: 'i'.repeat(129) } }, 400, 'id'],
    ['a payload over the limit', { body: { channel: 'a', data: 'x'.repeat(2000) } }, 413, 'limits.payload'],
    ['a body over the limit', { body: { channel: 'a', data: 'x'.repeat(10_000) } }, 413, 'larger'],
    [
      'too many messages',
      { body: Array.from({ length: 6 }, () => ({ channel: 'a', data: 1 })) },
      413,
      'publishBatch',
    ],
    ['no key', { body: {}, headers: { authorization: '' } }, 401, 'key'],
    ['a wrong key', { body: {}, headers: { authorization: 'Bearer wrong' } }, 401, 'key'],
  ])('refuses %s and says what is wrong', async (_what, asked: Partial<Asked>, status, named) => {
    const answer = await publish(undefined, asked)
    expect(answer.status).toBe(status)
    expect((answer.json as { error: { message: string } }).error.message).toContain(named)
  })
})

describe('channels', () => {
  it('shows the position and the subscribers', async () => {
    const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
      token: await node.token('sub'),
    })
    await client.request({ type: 'subscribe', ref: 1, channel: 'look:1' })
    await node.publish({ channel: 'look:1', data: 1 })
    const { json } = await ask({
      method: 'GET',
      path: '/v1/channels/{channel}',
      params: { channel: 'look%3A1' },
    })
    expect(json).toMatchObject({
      channel: 'look:1',
      position: { offset: 1 },
      subscribers: { local: 1, cluster: 1 },
    })
    client.cut()
  })

  it('shows an unused channel as empty, and an ephemeral one without a position', async () => {
    const unused = await ask({ method: 'GET', path: '/v1/channels/{channel}', params: { channel: 'unused' } })
    expect(unused.json).toMatchObject({ position: { offset: 0 }, subscribers: { local: 0 } })
    const live = await ask({ method: 'GET', path: '/v1/channels/{channel}', params: { channel: 'live:2' } })
    expect(live.json).not.toHaveProperty('position')
  })

  it('gives the messages after a position, or the last', async () => {
    const path = '/v1/channels/{channel}/messages'
    const [first] = (await node.publish([1, 2, 3].map((data) => ({ channel: 'read:1', data })))) as {
      epoch: string
      offset: number
    }[]
    const params = { channel: 'read:1' }
    const after = await ask({ method: 'GET', path, params, query: `?after=${first?.epoch}:${first?.offset}` })
    expect(after.json).toMatchObject({ messages: [{ data: 2 }, { data: 3 }], head: { offset: 3 } })
    const last = await ask({ method: 'GET', path, params, query: '?last=1' })
    expect(last.json).toMatchObject({ messages: [{ data: 3 }] })
    const limited = await ask({ method: 'GET', path, params, query: `?after=${first?.epoch}:0&limit=2` })
    expect(limited.json).toMatchObject({ messages: [{ data: 1 }, { data: 2 }] })
  })

  it('says where messages after a position are gone', async () => {
    const [first] = (await node.publish([1, 2, 3, 4].map((data) => ({ channel: 'short:1', data })))) as {
      epoch: string
    }[]
    const path = '/v1/channels/{channel}/messages'
    const gone = await ask({
      method: 'GET',
      path,
      params: { channel: 'short:1' },
      query: `?after=${first?.epoch}:0`,
    })
    expect(gone.json).toMatchObject({ messages: [], reset: 'trimmed', head: { offset: 4 } })
    const other = await ask({ method: 'GET', path, params: { channel: 'short:1' }, query: '?after=other:0' })
    expect(other.json).toMatchObject({ reset: 'epoch' })
  })

  it.each([
    ['a channel outside the grammar', '@ann', ''],
    ['a broken escape', '%zz', ''],
    ['a bad position', 'a', '?after=7'],
    ['a bad limit', 'a', '?limit=0'],
    ['an ephemeral channel', 'live:1', ''],
  ])('refuses %s', async (_what, channel, query) => {
    const answer = await ask({
      method: 'GET',
      path: '/v1/channels/{channel}/messages',
      params: { channel },
      query,
    })
    expect(answer.status).toBe(400)
  })
})

describe('users', () => {
  it('shows where a user is connected, and ends his connections', async () => {
    const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
      token: await node.token('ü/ser'),
    })
    const params = { user: encodeURIComponent('ü/ser') }
    const where = await ask({ method: 'GET', path: '/v1/users/{user}', params })
    expect(where.json).toMatchObject({ user: 'ü/ser', sessions: [{ node: node.id }] })
    const ended = await ask({ method: 'DELETE', path: '/v1/users/{user}/sessions', params })
    expect(ended.json).toEqual({ disconnected: 1 })
    expect(await client.closed).toMatchObject({ code: 4403 })
    expect((await ask({ method: 'GET', path: '/v1/users/{user}', params })).json).toMatchObject({
      sessions: [],
    })
  })

  it('puts a user on channels, says which, and takes him off', async () => {
    const params = { user: 'sue' }
    const stand = async (verb: string, body: unknown): Promise<{ readonly json: unknown }> =>
      ask({ method: 'POST', path: `/v1/users/{user}/${verb}`, params, body })
    const put = await stand('subscribe', { channels: ['a', 'b'] })
    expect(put.json).toEqual({ user: 'sue', sessions: 0 })
    await stand('subscribe', { channels: ['c'], session: 's1' })
    expect((await stand('unsubscribe', { channels: ['b'] })).json).toEqual({ user: 'sue', sessions: 0 })
    const { json } = await ask({ method: 'GET', path: '/v1/users/{user}/channels', params })
    const { channels } = json as { channels: { channel: string }[] }
    expect(channels.toSorted((x, y) => x.channel.localeCompare(y.channel))).toEqual([
      { channel: 'a' },
      { channel: 'c', session: 's1' },
    ])
    const many = Array.from({ length: 99 }, (_, index) => `many:${index}`)
    expect((await stand('subscribe', { channels: many })).json).toMatchObject({
      error: { code: 'limit_exceeded', message: expect.stringContaining('100 channels') as string },
    })
    for (const bad of [
      {},
      { channels: 'a' },
      { channels: ['@bob'] },
      { channels: ['a'], session: '' },
      { channel: 'a' },
    ])
      expect((await stand('subscribe', bad)).json).toMatchObject({ error: { code: 'bad_request' } })
  })

  it('lists the channels that somebody is on, and to a key of some namespaces only theirs', async () => {
    const url = `ws://127.0.0.1:${node.port}/v1/ws`
    const { client } = await RawClient.connect(url, { token: await node.token('tom') })
    for (const [ref, channel] of ['shop:1', 'shopping:1', 'site:1'].entries())
      await client.request({ type: 'subscribe', ref, channel })
    const list = (query: string, key?: string): ReturnType<typeof ask> =>
      ask({
        ...{ method: 'GET', path: '/v1/channels', query },
        ...(key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } }),
      })
    expect((await list('?prefix=shop')).json).toEqual({
      channels: [
        { channel: 'shop:1', connections: 1 },
        { channel: 'shopping:1', connections: 1 },
      ],
    })
    expect((await list('?prefix=sh&limit=1')).json).toMatchObject({ next: 'shop:1' })
    expect((await list('?prefix=s', 'a-key-of-the-shop-only')).json).toEqual({
      channels: [{ channel: 'shop:1', connections: 1 }],
    })
    expect((await list('?limit=101&users=true')).json).toMatchObject({ error: { code: 'bad_request' } })
    expect((await list('?prefix=a%20b')).json).toMatchObject({ error: { code: 'bad_request' } })
    client.cut()
  })

  it('revokes tokens: whoever is connected with one is closed, and it does not work any more', async () => {
    const token = await node.token('rob', { issuedSecondsAgo: 5 })
    const url = `ws://127.0.0.1:${node.port}/v1/ws`
    const { client } = await RawClient.connect(url, { token })
    const grants = { method: 'DELETE', path: '/v1/users/{user}/grants', params: { user: 'rob' } } as const
    expect((await ask(grants)).json).toEqual({ user: 'rob' })
    const revoked = await ask({ method: 'POST', path: '/v1/users/{user}/revoke', params: { user: 'rob' } })
    expect(revoked.json).toMatchObject({ user: 'rob', before: expect.any(Number) })
    expect(await client.closed).toMatchObject({ code: 4401 })
    const again = await RawClient.open(url)
    again.send({ type: 'connect', token })
    expect(await again.closed).toMatchObject({ code: 4401 })
    const poll = await fetch(`http://127.0.0.1:${node.port}/v1/poll?channels=a&wait=0&token=${token}`)
    expect(poll.status).toBe(401)
    // Whole seconds are all that a token says of its age: one of the next second is good.
    const fresh = await node.token('rob', { issuedSecondsAgo: -2 })
    await RawClient.connect(url, { token: fresh })
  })
})

describe('a key', () => {
  const KEYS: Readonly<Record<string, string>> = {
    publish: 'a-key-that-only-publishes',
    history: 'a-key-that-only-reads',
  }

  it.each(Object.entries(KEYS))(
    'with the scope %s is refused by each operation that needs another',
    async (scope, key) => {
      let refused = 0
      for (const [path, operations] of Object.entries(document.paths)) {
        for (const [method, operation] of Object.entries(operations)) {
          const needed = (operation.security ?? document.security)[0]?.bearer[0]
          if (needed === undefined || needed === scope) continue
          const params = { user: 'nobody', channel: 'scopes:1', node: node.id, job: 'drain-1' }
          const headers = { authorization: `Bearer ${key}` }
          const { status, json } = await ask({ method: method.toUpperCase(), path, params, headers })
          expect(status, `${method} ${path}`).toBe(403)
          expect(json).toMatchObject({
            error: { message: expect.stringContaining(`has the scope ${scope}; this needs ${needed}`) },
          })
          refused++
        }
      }
      expect(refused).toBeGreaterThan(8)
    },
  )

  it('with the scope history reads messages', async () => {
    await publish({ channel: 'scopes:read', data: 'seen' })
    const headers = { authorization: `Bearer ${KEYS['history']}` }
    const params = { channel: 'scopes:read' }
    const where = await ask({ method: 'GET', path: '/v1/channels/{channel}', params, headers })
    expect(where.status).toBe(200)
    const read = await ask({ method: 'GET', path: '/v1/channels/{channel}/messages', params, headers })
    expect(read.json).toMatchObject({ messages: [{ data: 'seen' }] })
  })

  it('of some namespaces publishes to them, in each form of a request, and to no other', async () => {
    const headers = { authorization: 'Bearer a-key-of-the-shop-only' }
    expect((await publish({ channel: 'shop:1', data: 1 }, { headers })).status).toBe(200)
    expect((await publish({ user: 'ann', data: 1 }, { headers })).status).toBe(200)
    const refused = await publish({ channel: 'api:1', data: 1 }, { headers })
    expect(refused.status).toBe(403)
    expect(refused.json).toMatchObject({
      error: { code: 'forbidden', message: 'the API key shop is limited to shop, inboxes (@)' },
    })
    const forbidden = { error: { code: 'forbidden' } }
    const several = { channels: ['shop:2', 'shopping', 'news'], data: 1 }
    expect((await publish(several, { headers })).json).toMatchObject({
      results: [{ offset: 1 }, forbidden, forbidden],
    })
    const batch = [
      { channel: 'news', data: 1 },
      { channel: 'shop:3', data: 1 },
      { users: ['bela'], data: 1 },
      { channels: ['a', 'shop:4'], data: 1 },
    ]
    expect((await publish(batch, { headers })).json).toMatchObject([
      forbidden,
      { offset: 1 },
      { results: [{ offset: 1 }] },
      { results: [forbidden, { offset: 1 }] },
    ])
  })

  it('that is not for inboxes reaches no user', async () => {
    const headers = { authorization: 'Bearer a-key-of-the-site-only' }
    expect((await publish({ channel: 'site:1', data: 1 }, { headers })).status).toBe(200)
    expect((await publish({ user: 'ann', data: 1 }, { headers })).status).toBe(403)
    expect((await publish({ users: ['ann'], data: 1 }, { headers })).json).toMatchObject({
      results: [{ error: { code: 'forbidden' } }],
    })
  })

  it.each(['/v1/channels/{channel}', '/v1/channels/{channel}/messages'])(
    'of some namespaces reads their channels only: %s',
    async (path) => {
      const headers = { authorization: 'Bearer a-key-of-the-shop-only' }
      const get = async (channel: string): Promise<number> =>
        (await ask({ method: 'GET', path, params: { channel }, headers })).status
      expect(await get('shop:1')).toBe(200)
      expect(await get('api:1')).toBe(403)
      expect(await get('shop2')).toBe(403)
    },
  )
})

describe('the node', () => {
  it('shows itself in the table of nodes', async () => {
    const { json } = await ask({ method: 'GET', path: '/v1/nodes' })
    expect(json).toMatchObject({ nodes: [{ id: node.id, state: 'active', role: 'all' }] })
  })

  it('is of the version of the package where no version is said', async () => {
    const { json } = await ask({ method: 'GET', path: '/v1/nodes' })
    expect(json).toMatchObject({ nodes: [{ version: packageVersion() }] })
  })

  it.each([
    '/livez',
    '/readyz',
    '/health',
    '/startupz',
    '/healthz/deep',
    '/metrics',
    '/openapi.json',
    '/asyncapi.json',
  ])('answers %s without a key', async (path) => {
    expect((await ask({ method: 'GET', path, headers: { authorization: '' } })).status).toBe(200)
  })

  it('drains and rebalances as jobs: says what would be done, and refuses what cannot', async () => {
    const path = '/v1/drains'
    const before = (await ask({ method: 'GET', path })).json
    for (const body of [
      {},
      { nodes: [] },
      { nodes: [1] },
      { nodes: node.id },
      { region: 'a b' },
      { version: 'a b' },
      { region: 'eu', plan: '5' },
      { region: 'eu', parallel: 0 },
      { region: 'eu', deadline: '1ms' },
      { region: 'eu', reason: '' },
      { region: 'eu', dryRun: false },
      { region: 'eu', now: true },
      [],
      undefined,
    ]) {
      expect((await ask({ method: 'POST', path, body })).status, JSON.stringify(body)).toBe(400)
    }
    expect((await ask({ method: 'POST', path, body: { nodes: ['nobody'] } })).status).toBe(404)
    expect((await ask({ method: 'POST', path, body: { region: 'nowhere' } })).status).toBe(404)
    const dry = await ask({ method: 'POST', path, body: { nodes: [node.id.slice(0, 8)], dryRun: true } })
    expect(dry.json).toMatchObject({
      job: { what: `node ${node.id}`, by: 'tests', nodes: [{ id: node.id, part: 'waiting' }] },
      forecast: { takers: [], inTheWay: ['no other node is active'] },
    })
    expect((await ask({ method: 'GET', path })).json).toEqual(before)
    const rebalances = '/v1/rebalances'
    expect((await ask({ method: 'POST', path: rebalances, body: {} })).json).toEqual({ job: null })
    expect((await ask({ method: 'POST', path: rebalances, body: { over: '5m' } })).status).toBe(400)
    const one = '/v1/drains/{job}'
    for (const method of ['GET', 'DELETE'])
      expect((await ask({ method, path: one, params: { job: 'drain-1' } })).status).toBe(404)
    expect((await ask({ method: 'POST', path: one, params: { job: 'drain-1' }, body: {} })).status).toBe(404)
  })

  it('is told which version is the target, and forgets it', async () => {
    const path = '/v1/target'
    expect((await ask({ method: 'GET', path })).json).toEqual({ target: null })
    expect((await ask({ method: 'DELETE', path })).status).toBe(404)
    for (const body of [
      {},
      { version: 'a b' },
      { version: 1 },
      { version: '1', region: 'eu' },
      [],
      undefined,
    ]) {
      expect((await ask({ method: 'PUT', path, body })).status).toBe(400)
    }
    const said = await ask({ method: 'PUT', path, body: { version: '1.1.0' } })
    expect(said.json).toMatchObject({ target: { version: '1.1.0', by: 'tests' } })
    expect((await ask({ method: 'GET', path })).json).toEqual(said.json)
    expect((await ask({ method: 'DELETE', path })).json).toEqual({ target: null })
  })

  it('is kept out by its id, its address or its version, and let in again', async () => {
    const path = '/v1/cordons/{kind}/{what}'
    const ready = { method: 'GET', path: '/readyz', headers: { authorization: '' } }
    const { json } = await ask({ method: 'GET', path: '/v1/nodes' })
    const [{ address, version } = { address: '', version: '' }] = (
      json as { nodes: { address: string; version: string }[] }
    ).nodes
    for (const params of [
      { kind: 'node', what: node.id.slice(0, 6) },
      { kind: 'address', what: encodeURIComponent(address) },
      { kind: 'version', what: encodeURIComponent(`${version}*`) },
    ]) {
      expect((await ask({ method: 'DELETE', path, params })).status).toBe(404)
      const kept = await ask({ method: 'PUT', path, params })
      expect(kept.json).toMatchObject({ cordons: [{ by: 'tests' }] })
      expect((await ask({ method: 'GET', path: '/v1/cordons' })).json).toEqual(kept.json)
      expect(await ask(ready)).toMatchObject({
        status: 503,
        json: { reason: expect.stringContaining('cordoned') },
      })
      expect((await ask({ method: 'GET', path: '/v1/nodes' })).json).toMatchObject({
        nodes: [{ state: 'cordoned' }],
      })
      expect((await ask({ method: 'DELETE', path, params })).json).toEqual({ cordons: [] })
      expect((await ask(ready)).status).toBe(200)
    }
    expect((await ask({ method: 'PUT', path, params: { kind: 'user', what: 'ann' } })).status).toBe(400)
    expect((await ask({ method: 'PUT', path, params: { kind: 'version', what: 'a%20b' } })).status).toBe(400)
    expect((await ask({ method: 'PUT', path, params: { kind: 'address', what: 'x' } })).status).toBe(400)
    expect((await ask({ method: 'PUT', path, params: { kind: 'node', what: 'nobody' } })).status).toBe(404)
  })

  it('is drained, paused and cancelled, by the beginning of its id', async () => {
    const path = '/v1/nodes/{node}/drain'
    const params = { node: node.id.slice(0, 6) }
    expect((await ask({ method: 'GET', path, params })).json).toEqual({ node: node.id, drain: null })
    expect((await ask({ method: 'DELETE', path, params })).status).toBe(404)
    const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
      token: await node.token('dora'),
    })
    const failed = (): Promise<number> => node.metric('sluice_api_requests_total{status="5xx"}')
    const failedBefore = await failed()
    const begun = await ask({ method: 'POST', path, params, body: { plan: '5%/2m' } })
    expect(begun.json).toMatchObject({ drain: { state: 'waiting', plan: '5%/2m', told: 0 } })
    expect((await ask({ method: 'GET', path: '/readyz', headers: { authorization: '' } })).status).toBe(503)
    expect((await ask({ method: 'GET', path: '/health', headers: { authorization: '' } })).status).toBe(503)
    // That it is not ready is what was asked: nobody is woken up for it.
    expect(await failed()).toBe(failedBefore)
    expect((await ask({ method: 'POST', path, params, body: { paused: true } })).json).toMatchObject({
      drain: { state: 'paused' },
    })
    for (const body of [{ plan: 'soon' }, { paused: 1 }, { finish: false }, { colour: 'red' }, []]) {
      expect((await ask({ method: 'POST', path, params, body })).status).toBe(400)
    }
    expect((await ask({ method: 'DELETE', path, params })).json).toMatchObject({
      drain: { state: 'cancelled' },
    })
    expect((await ask({ method: 'GET', path: '/readyz', headers: { authorization: '' } })).status).toBe(200)
    expect((await ask({ method: 'GET', path, params: { node: 'nobody' } })).status).toBe(404)
    client.cut()
  })

  it('is part of one drain at a time, which can be watched, paused, changed and cancelled; then it stays', async () => {
    // Nobody else takes clients, so it goes on until it is cancelled.
    const path = '/v1/drains'
    const body = { nodes: [node.id], plan: '1h', reason: 'a test' }
    const begun = await ask({ method: 'POST', path, body })
    const { id } = (begun.json as { job: { id: string } }).job
    const params = { job: id.slice(0, 10) }
    const one = '/v1/drains/{job}'
    const twice = await ask({ method: 'POST', path, body })
    expect(twice).toMatchObject({
      status: 400,
      json: { error: { message: expect.stringContaining(`is part of ${id} already`) } },
    })
    const job = async (): Promise<unknown> => (await ask({ method: 'GET', path: one, params })).json
    await expect
      .poll(job)
      .toMatchObject({ job: { nodes: [{ part: 'moving', progress: { state: 'waiting' } }] } })
    expect((await ask({ method: 'POST', path: one, params, body: { paused: 1 } })).status).toBe(400)
    const paused = await ask({ method: 'POST', path: one, params, body: { paused: true, plan: '2h' } })
    expect(paused.json).toMatchObject({ job: { state: 'paused', plan: '2h' } })
    await expect.poll(job).toMatchObject({ job: { nodes: [{ progress: { state: 'paused' } }] } })
    const cancelled = await ask({ method: 'DELETE', path: one, params })
    expect(cancelled.json).toMatchObject({ job: { state: 'cancelled' } })
    await expect.poll(job).toMatchObject({
      job: { state: 'cancelled', endedAt: expect.any(Number), nodes: [{ part: 'stayed' }] },
    })
    expect((await ask({ method: 'DELETE', path: one, params })).status).toBe(400)
    const listed = (await ask({ method: 'GET', path })).json as { jobs: readonly object[] }
    expect(listed.jobs[0]).toMatchObject({ id, by: 'tests', reason: 'a test', state: 'cancelled' })
    await expect
      .poll(
        async () => (await ask({ method: 'GET', path: '/readyz', headers: { authorization: '' } })).status,
      )
      .toBe(200)
  })

  it('moves a part of its clients, and stays', async () => {
    const path = '/v1/nodes/{node}/rebalance'
    const params = { node: node.id }
    expect((await ask({ method: 'GET', path, params })).json).toEqual({ node: node.id, rebalance: null })
    expect((await ask({ method: 'DELETE', path, params })).status).toBe(404)
    for (const body of [{}, { count: 0 }, { count: 1, plan: 'soon' }, { count: 1, colour: 'red' }]) {
      expect((await ask({ method: 'POST', path, params, body })).status).toBe(400)
    }
    const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
      token: await node.token('rae'),
    })
    const begun = await ask({ method: 'POST', path, params, body: { count: 1, plan: '5m' } })
    expect(begun.json).toMatchObject({ rebalance: { total: 1, told: 0 } })
    expect((await ask({ method: 'POST', path, params, body: { count: 1 } })).status).toBe(400)
    expect((await ask({ method: 'GET', path: '/readyz', headers: { authorization: '' } })).status).toBe(200)
    expect((await ask({ method: 'DELETE', path, params })).json).toMatchObject({
      rebalance: { state: 'cancelled' },
    })
    client.cut()
  })

  it('takes over a request id that is fit for a header, and makes one otherwise', async () => {
    const given = await ask({ method: 'GET', path: '/livez', headers: { 'x-request-id': 'trace-7' } })
    expect(given.headers.get('x-request-id')).toBe('trace-7')
    const unfit = await ask({ method: 'GET', path: '/livez', headers: { 'x-request-id': 'a b' } })
    expect(unfit.headers.get('x-request-id')).not.toBe('a b')
  })

  it('answers HEAD without a body, another method with 405 and Allow, and an unknown path with 404', async () => {
    const base = `http://127.0.0.1:${node.apiPort}`
    const head = await fetch(`${base}/livez`, { method: 'HEAD' })
    expect(head.status).toBe(200)
    expect(await head.text()).toBe('')
    const wrong = await fetch(`${base}/v1/publish`)
    expect(wrong.status).toBe(405)
    expect(wrong.headers.get('allow')).toBe('POST, OPTIONS')
    const unknown = await fetch(`${base}/v1/nothing`)
    expect(unknown.status).toBe(404)
    expect(await unknown.json()).toMatchObject({
      error: {
        code: 'not_found',
        message: expect.stringContaining('this listener has /v1/publish') as string,
      },
    })
  })

  it.each(['/v1/ws', '/v1/sse?channels=news', '/v1/poll', '/v1/link'])(
    'tells who asks for %s that clients have another port',
    async (path) => {
      const answer = await fetch(`http://127.0.0.1:${node.apiPort}${path}`)
      expect(answer.status).toBe(404)
      const message = `there is nothing at ${path.split('?')[0]}; clients connect on the other listener (port)`
      expect(await answer.json()).toEqual({ error: { code: 'not_found', message } })
    },
  )
})

it('a version that is not served any more is gone, and one that is not there yet is not found', async () => {
  const plain = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${node.apiPort}${path}`)
  const gone = await plain('/v0/publish')
  expect(gone.status).toBe(410)
  expect(await gone.json()).toMatchObject({ error: { message: expect.stringContaining('/v1') as string } })
  expect((await plain('/v2/publish')).status).toBe(404)
})

describe('what a node logs', () => {
  const path = '/v1/nodes/{node}/log-level'
  const params = (): Record<string, string> => ({ node: node.id.slice(0, 6) })

  it('is changed while it runs, and is what was configured again when its time is over', async () => {
    const before = await ask({ method: 'GET', path, params: params() })
    expect(before.json).toEqual({ node: node.id, level: 'error', configured: 'error' })
    const body = { level: 'silent', for: '1s' }
    const set = await ask({ method: 'PUT', path, params: params(), body })
    expect(set.json).toMatchObject({
      level: 'silent',
      configured: 'error',
      until: expect.any(Number) as number,
    })
    await expect
      .poll(async () => (await ask({ method: 'GET', path, params: params() })).json)
      .toEqual(before.json)
  })

  it.each([{ level: 'loud' }, { level: 'debug', for: '1ms' }, { level: 'debug', for: 5 }, {}])(
    'is not %j',
    async (body) => {
      expect((await ask({ method: 'PUT', path, params: params(), body })).status).toBe(400)
    },
  )
})

describe('a user who is followed', () => {
  it('is told of as an event stream, until its events are over', async () => {
    const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
      token: await node.token('flo'),
    })
    const path = '/v1/users/{user}/trace'
    const { status, headers, json } = await ask({
      method: 'GET',
      path,
      params: { user: 'flo' },
      query: '?events=1',
    })
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('text/event-stream')
    const types = [...(json as string).matchAll(/^data: {"type":"(.*?)"/gm)].map(([, type]) => type)
    expect(types).toEqual(['following', 'present', 'over'])
    client.cut()
  })
})

describe('the streams for consoles', () => {
  const base = (): string => `http://127.0.0.1:${node.apiPort}`
  const key = (): Record<string, string> => ({ authorization: `Bearer ${node.apiKey}` })
  /** The streams are described like the rest; there is no JSON answer to hold against the document. */
  const open = async (path: string, described: string): Promise<EventStream> => {
    const stream = await EventStream.open(base() + path, key())
    expect(stream.response.status).toBe(200)
    expect(document.paths[described]?.['get']?.responses['200']).toBeDefined()
    exercised.add(`GET ${described}`)
    return stream
  }

  it('show the cluster: who is asked, the nodes, and the jobs, as the requests for each have them', async () => {
    const watch = await open('/v1/watch', '/v1/watch')
    expect((await watch.next('hello')).data).toMatchObject({ node: node.id })
    const { data } = await watch.next('cluster')
    const { nodes } = (await (await node.api('GET', '/v1/nodes')).json()) as { nodes: readonly object[] }
    expect(data).toMatchObject({
      nodes: [{ id: node.id, state: 'active', service: { repaired: 0 } }],
      target: { version: packageVersion() },
      cordons: [],
    })
    expect(Object.keys((data['nodes'] as object[])[0] as object)).toEqual(Object.keys(nodes[0] as object))
    expect((await watch.next('jobs')).data).toEqual({ running: [], ended: expect.any(Array) })
    watch.close()
  })

  it('need a key of their scope, and say so as any request does', async () => {
    expect((await fetch(`${base()}/v1/watch`)).status).toBe(401)
    const reader = { authorization: 'Bearer a-key-that-only-reads' }
    expect((await fetch(`${base()}/v1/watch`, { headers: reader })).status).toBe(403)
    const other = await fetch(`${base()}/v1/channels/shop:1/tail`, {
      headers: { authorization: 'Bearer a-key-of-the-site-only' },
    })
    expect(other.status).toBe(403)
    expect(await other.json()).toMatchObject({ error: { code: 'forbidden' } })
    expect((await fetch(`${base()}/v1/channels/a/tail?last=0`, { headers: key() })).status).toBe(400)
  })

  it('show a channel: what there is, and what comes, and leave it when their reader goes', async () => {
    await publish({ channel: 'tail:1', data: 'before' })
    const tail = await open('/v1/channels/tail:1/tail?last=1', '/v1/channels/{channel}/tail')
    await tail.next('opened')
    expect((await tail.next('message')).data).toMatchObject({ channel: 'tail:1', data: 'before' })
    await publish({ channel: 'tail:1', data: 'after' })
    expect((await tail.next('message')).data).toMatchObject({ data: 'after' })
    const count = async (): Promise<unknown> => {
      const answer = await node.api('GET', '/v1/channels/tail:1')
      return ((await answer.json()) as { subscribers: { local: number } }).subscribers.local
    }
    expect(await count()).toBe(1)
    tail.close()
    await expect.poll(count).toBe(0)
    // Nobody reads after HEAD.
    const head = await fetch(`${base()}/v1/channels/tail:1/tail`, { method: 'HEAD', headers: key() })
    expect(head.status).toBe(200)
    await expect.poll(count).toBe(0)
  })

  it('are bounded: one more is told to close a console, and the others stay', async () => {
    const streams = []
    for (;;) {
      const stream = await EventStream.open(`${base()}/v1/watch`, key())
      streams.push(stream)
      if (stream.response.status !== 200) break
      expect(streams.length).toBeLessThan(100)
    }
    const [refused] = streams.slice(-1) as [EventStream]
    expect(refused.response.status).toBe(429)
    expect(refused.response.headers.get('retry-after')).not.toBeNull()
    const [first] = streams as [EventStream]
    expect((await first.next('hello')).data).toMatchObject({ node: node.id })
    for (const stream of streams) stream.close()
    await expect
      .poll(async () => {
        const again = await EventStream.open(`${base()}/v1/watch`, key())
        again.close()
        return again.response.status
      })
      .toBe(200)
  })
})

describe('the console', () => {
  it('is there without a key, compressed for who takes that, and runs nothing that is not its own', async () => {
    const base = `http://127.0.0.1:${node.apiPort}`
    for (const [path, type] of [
      ['/', 'text/html'],
      ['/console.js', 'text/javascript'],
      ['/console.css', 'text/css'],
      ['/console.svg', 'image/svg+xml'],
    ] as const) {
      const answer = await fetch(base + path, { headers: { 'accept-encoding': 'gzip' } })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-encoding')).toBe('gzip')
      expect(answer.headers.get('content-type')).toContain(type)
      const policy = answer.headers.get('content-security-policy') ?? ''
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
      expect(policy).not.toContain('unsafe')
      const plain = await fetch(base + path, { headers: { 'accept-encoding': 'gzip;q=0, identity' } })
      expect(plain.headers.get('content-encoding')).toBeNull()
      expect(await plain.text()).toBe(await answer.text())
    }
  })
})

describe('dead letters of webhooks', () => {
  it('are listed, and what is not there is neither sent again nor dropped', async () => {
    const path = '/v1/webhooks/dead'
    expect((await ask({ method: 'GET', path })).json).toEqual({ count: 0, letters: [] })
    expect((await ask({ method: 'GET', path, query: '?limit=0' })).status).toBe(400)
    const params = { letter: '1-1' }
    const one = `${path}/{letter}`
    expect((await ask({ method: 'POST', path: `${one}/resend`, params })).status).toBe(404)
    expect((await ask({ method: 'DELETE', path: one, params })).status).toBe(404)
  })
})

describe('the OpenAPI document', () => {
  it('is 3.1, and each of its operations was held against a real answer above', () => {
    expect(document.openapi).toBe('3.1.0')
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect([...exercised].toSorted()).toEqual(described.toSorted())
  })
})
