import { Writable } from 'node:stream'
import { beforeEach, describe, expect, it } from 'vitest'
import { Api } from '../../../src/api/api.ts'
import { drainRoutes } from '../../../src/api/drain.ts'
import { devTokenRoute } from '../../../src/api/dev.ts'
import type { Route } from '../../../src/api/route.ts'
import { userRoutes } from '../../../src/api/users.ts'
import { ApiKeys, parseApiKeys } from '../../../src/auth/api-keys.ts'
import { NodeRequests } from '../../../src/cluster/node-request.ts'
import { NodeTokens } from '../../../src/cluster/node-token.ts'
import type { HttpExchange, Listener } from '../../../src/drivers/uws.ts'
import { SluiceError } from '../../../src/errors.ts'
import { createLog } from '../../../src/observe/log.ts'
import { createMetrics } from '../../../src/observe/metrics.ts'
import { Mistakes } from '../../../src/observe/mistakes.ts'
import type { Users } from '../../../src/session/users.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const OPS = 'the-key-of-the-operators'
const SHOP = 'the-key-of-the-shop-only'
const NODE = 'a1b2c3d4e5f60718'
const SECRET = 'a-secret-that-the-nodes-of-a-test-share'

const users = {
  locate: () => Promise.resolve([]),
  disconnectEverywhere: () => Promise.resolve(1),
  revokeEverywhere: (user: string) =>
    user === 'unlucky'
      ? Promise.reject(new SluiceError('unavailable', 'the registry is away'))
      : Promise.resolve(1),
} as unknown as Users

const routes: readonly Route[] = [
  ...userRoutes(users, { drop: () => Promise.resolve() }),
  ...drainRoutes({
    nodeId: NODE,
    drain: {
      progress: undefined,
      rebalanceProgress: undefined,
      begin: () => new Promise(() => undefined),
      cancel: () => undefined,
      rebalance: () => new Promise(() => undefined),
      cancelRebalance: () => undefined,
    },
    nodes: () => Promise.resolve([]),
    otherNodes: { ask: () => Promise.reject(new Error('there is no other node')) },
    emptied: () => undefined,
  }),
  devTokenRoute(() => Promise.resolve('a-token')),
]

let lines: Readonly<Record<string, unknown>>[]
let clock: ManualClock
let ask: (
  method: string,
  path: string,
  key?: string,
  body?: string,
  headers?: Readonly<Record<string, string>>,
) => Promise<number>

function nodeRequests(node: string): NodeRequests {
  return new NodeRequests(SECRET, node, new NodeTokens(SECRET, node))
}

beforeEach(() => {
  lines = []
  clock = new ManualClock()
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Readonly<Record<string, unknown>>)
      done()
    },
  })
  const log = createLog({ level: 'info', pretty: false, bindings: {}, destination })
  let handle: (exchange: HttpExchange) => void | Promise<void> = () => undefined
  const api = new Api(routes, {
    nodeId: NODE,
    keys: new ApiKeys(parseApiKeys([`ops:admin:${OPS}`, `shop:publish:${SHOP}`], { allowWeak: false })),
    clock,
    log,
    mistakes: new Mistakes(log, clock),
    caught: () => undefined,
    metrics: createMetrics({
      node: { node: NODE, version: '0', region: 'local', role: 'all' },
      process: false,
    }),
    localHosts: undefined,
    requests: nodeRequests(NODE),
    addressOf: ({ remoteAddress }) => `${remoteAddress} as told`,
    leaving: () => false,
  })
  api.attach({ http: (route: { handle: typeof handle }) => (handle = route.handle) } as unknown as Listener, {
    bodyBytesMax: 0,
    jsonDepthMax: 64,
  })
  ask = async (method, path, key, body = '', headers = {}) => {
    let answered = 0
    await handle({
      head: {
        method,
        path,
        query: '',
        headers: {
          'x-request-id': 'r1',
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...headers,
        },
        remoteAddress: '10.0.0.9',
      },
      requestId: 'r1',
      body: () => Promise.resolve(Buffer.from(body)),
      onAborted: () => undefined,
      respond: (status: number) => (answered = status),
    } as unknown as HttpExchange)
    return answered
  }
})

describe('the audit log', () => {
  it.each([
    ['POST', '/v1/users/ann/revoke', '', { audit: 'revoke', user: 'ann' }],
    ['DELETE', '/v1/users/ann/sessions', '', { audit: 'disconnect', user: 'ann' }],
    ['POST', `/v1/nodes/${NODE}/drain`, '', { audit: 'drain', node: NODE }],
    ['DELETE', `/v1/nodes/${NODE}/drain`, '', { audit: 'cancel drain', node: NODE }],
    ['POST', `/v1/nodes/${NODE}/rebalance`, '{"count":5}', { audit: 'rebalance', node: NODE }],
    ['DELETE', `/v1/nodes/${NODE}/rebalance`, '', { audit: 'cancel rebalance', node: NODE }],
    ['POST', '/v1/dev/token', '{"sub":"ann"}', { audit: 'make a token' }],
  ])('has a line for %s %s, with the name of the key', async (method, path, body, expected) => {
    expect(await ask(method, path, OPS, body)).toBe(200)
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'info',
        msg: 'audit',
        keyName: 'ops',
        requestId: 'r1',
        remoteAddress: '10.0.0.9 as told',
        status: 200,
        ...expected,
      }),
    ])
    expect(JSON.stringify(lines)).not.toContain(OPS)
  })

  it('tells who asked another node, and which one that was, where it carries out what is asked of it', async () => {
    const [method, path] = ['POST', `/v1/nodes/${NODE}/drain`] as const
    const onBehalf = {
      grant: { name: 'far-ops', scopes: ['admin'] as const, namespaces: undefined },
      requestId: 'r7',
      remoteAddress: '192.0.2.7',
    }
    const sealed = nodeRequests('one').issue(NODE, clock.now(), { method, path, body: '' }, onBehalf)
    const headers = { authorization: sealed.authorization, 'sluice-caller': sealed.caller }
    expect(await ask(method, path, undefined, '', headers)).toBe(200)
    expect(lines).toEqual([
      expect.objectContaining({
        audit: 'drain',
        keyName: 'far-ops',
        requestId: 'r7',
        remoteAddress: '192.0.2.7',
        via: 'one',
      }),
    ])
    expect(await ask(method, path, undefined, '', headers)).toBe(401)
    expect(lines[1]).toMatchObject({ audit: 'refused key', reason: 'the request has been made before' })
  })

  it('names every route that changes something', () => {
    const silent = routes.filter(({ method, audit }) => method !== 'GET' && audit === undefined)
    expect(silent).toEqual([])
  })

  it('has no line for what only looks', async () => {
    expect(await ask('GET', '/v1/users/ann', OPS)).toBe(200)
    expect(await ask('GET', `/v1/nodes/${NODE}/drain`, OPS)).toBe(200)
    expect(lines).toEqual([])
  })

  it('says what has failed, too', async () => {
    expect(await ask('POST', '/v1/users/unlucky/revoke', OPS)).toBe(503)
    expect(lines).toEqual([expect.objectContaining({ audit: 'revoke', user: 'unlucky', status: 503 })])
  })

  it.each([
    ['no key', undefined, 'an API key is missing'],
    ['an unknown key', 'not-a-key-of-anybody', 'the API key is not one of the configured ones'],
  ])('tells that somebody had %s, and never the key', async (_, key, reason) => {
    expect(await ask('POST', '/v1/users/ann/revoke', key)).toBe(401)
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'warn',
        audit: 'refused key',
        reason,
        requestId: 'r1',
        remoteAddress: '10.0.0.9 as told',
        method: 'POST',
        path: '/v1/users/ann/revoke',
      }),
    ])
    expect(JSON.stringify(lines)).not.toContain('not-a-key')
  })

  it('tells what a key tried that its scope does not allow', async () => {
    expect(await ask('POST', '/v1/users/ann/revoke', SHOP)).toBe(403)
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'warn',
        audit: 'forbidden',
        keyName: 'shop',
        reason: 'the API key shop has the scope publish; this needs admin',
      }),
    ])
  })

  it('does not grow with the number of refused keys', async () => {
    for (let i = 0; i < 500; i++) await ask('GET', '/v1/users/ann', `guess-${i}`)
    expect(lines).toHaveLength(1)
    clock.pass(1000)
    expect(lines).toHaveLength(2)
    expect(lines[1]).toMatchObject({ audit: 'refused key', count: 499 })
  })
})
