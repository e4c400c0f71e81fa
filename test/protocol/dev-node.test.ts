import { request, type IncomingHttpHeaders } from 'node:http'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import type { ConfigInput } from '../../src/config/schema.ts'
import type { Node } from '../../src/node/contract.ts'
import { createNode } from '../../src/node/node.ts'

/** What a web site can do to a node of `sluice dev` through the browser of whoever runs it. */

interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: IncomingHttpHeaders
}

function start(settings: ConfigInput = {}): Promise<Node> {
  const quiet: ConfigInput = { port: 0, log: { level: 'error', pretty: false } }
  return createNode(
    loadConfig({ dev: true, settings: { ...quiet, ...settings, api: { port: 0, ...settings.api } } }),
  ).then(async (node) => {
    await node.start()
    return node
  })
}

/** As a browser sends it that was told the address of this node under another name. */
function ask(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  method = 'GET',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { method, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString(),
          headers: response.headers,
        }),
      )
    })
    sent.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ status: response.statusCode ?? 0, body: '', headers: response.headers })
    })
    sent.on('error', reject)
    sent.end()
  })
}

const HANDSHAKE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

let node: Node

beforeAll(async () => {
  node = await start()
})
afterAll(() => node.close())

const KEY = { authorization: 'Bearer dev' }
const DOORS: readonly (readonly [
  listener: 'url' | 'apiUrl',
  path: string,
  headers: Readonly<Record<string, string>>,
  good: number,
])[] = [
  ['url', '/', {}, 200],
  ['url', '/dev/token?sub=me', {}, 200],
  ['url', '/v1/poll?channels=a&wait=0', {}, 401],
  ['url', '/v1/sse?channels=a', {}, 401],
  ['url', '/v1/ws', HANDSHAKE, 101],
  ['url', '/nowhere', {}, 404],
  ['apiUrl', '/v1/nodes', KEY, 200],
  ['apiUrl', '/v1/channels/a', KEY, 200],
  ['apiUrl', '/livez', {}, 200],
  ['apiUrl', '/metrics', {}, 200],
  ['apiUrl', '/openapi.json', {}, 200],
  ['apiUrl', '/nowhere', KEY, 404],
]

describe('a node for development', () => {
  it.each(DOORS)('%s %s answers under a name of this machine', async (listener, path, headers, good) => {
    const { port } = new URL(node[listener])
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`])
      expect((await ask(node[listener], path, { ...headers, host })).status).toBe(good)
  })

  it.each(DOORS)('%s %s answers 403 under the name of a site', async (listener, path, headers) => {
    const { port } = new URL(node[listener])
    const { status, body } = await ask(node[listener], path, { ...headers, host: `rebound.example:${port}` })
    expect(status).toBe(403)
    expect(body).toContain('allowedHosts')
    expect(body).not.toContain('token":')
  })

  it.each(DOORS.filter(([listener]) => listener === 'apiUrl'))(
    '%s %s answers 403 to a page of another site',
    async (listener, path, headers) => {
      const answer = await ask(node[listener], path, { ...headers, origin: 'https://evil.example' })
      expect(answer.status).toBe(403)
    },
  )

  it.each(['/v1/ws', '/v1/poll?channels=a&wait=0', '/v1/sse?channels=a'])(
    '%s takes pages of this machine from any port, and of no other site',
    async (path) => {
      const headers = path === '/v1/ws' ? HANDSHAKE : {}
      const good = path === '/v1/ws' ? 101 : 401
      const status = async (origin: string): Promise<number> =>
        (await ask(node.url, path, { ...headers, origin })).status
      expect(await status('http://localhost:5173')).toBe(good)
      expect(await status(node.url)).toBe(good)
      expect(await status('https://evil.example')).toBe(403)
      expect(await status('null')).toBe(403)
    },
  )

  it('hands out tokens that expire and that no page of another site reads', async () => {
    const { body, headers } = await ask(node.url, '/dev/token?sub=me', {})
    const { exp = 0, iat = 0, sub } = decodeJwt((JSON.parse(body) as { token: string }).token)
    expect({ sub, seconds: exp - iat }).toEqual({ sub: 'me', seconds: 600 })
    expect(headers).toMatchObject({
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    })
    expect(headers).not.toHaveProperty('access-control-allow-origin')
  })

  it('hands out tokens that expire on the second listener too, where nobody says for how long', async () => {
    const response = await fetch(`${node.apiUrl}/v1/dev/token`, {
      method: 'POST',
      headers: KEY,
      body: '{"sub":"me"}',
    })
    const { exp = 0, iat = 0 } = decodeJwt(((await response.json()) as { token: string }).token)
    expect(exp - iat).toBe(600)
  })

  it.each([
    ['auth.jwtSecret', { jwtSecret: 'a-secret-that-somebody-has-configured' }],
    ['auth.jwksUrl', { jwksUrl: 'http://127.0.0.1:9/jwks' }],
  ])('makes no token where %s is configured', async (_, auth) => {
    const other = await start({ auth })
    try {
      const { status, body } = await ask(other.url, '/dev/token?sub=me', {})
      expect(status).toBe(404)
      expect(body).toContain('makes none')
      const minted = await fetch(`${other.apiUrl}/v1/dev/token`, {
        method: 'POST',
        headers: KEY,
        body: '{"sub":"me"}',
      })
      expect(minted.status).toBe(404)
    } finally {
      await other.close()
    }
  })

  it('answers under the names that it was given', async () => {
    const other = await start({ allowedHosts: ['sluice.test'] })
    try {
      expect((await ask(other.url, '/', { host: 'sluice.test:8080' })).status).toBe(200)
      expect((await ask(other.apiUrl, '/livez', { host: 'sluice.test' })).status).toBe(200)
      expect((await ask(other.url, '/', { host: 'other.test' })).status).toBe(403)
    } finally {
      await other.close()
    }
  })
})
