import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../support/server-process.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** What one node asks of another, and what somebody gets of it who writes the table of nodes or sits between two nodes. */

let cluster: StartedCluster
let one: StartedNode
const servers: Server[] = []

const READER = 'a-key-that-only-reads'

beforeAll(async () => {
  cluster = await startCluster(1, {
    api: { keys: ['tests:publish+admin:a-key-for-tests-only', `support:history@news:${READER}`] },
  })
  one = cluster.nodes[0] as StartedNode
})
afterAll(() => cluster.close())
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

interface Heard {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Listens where a node is said to be. */
async function listen(
  port: number,
  answer: (heard: Heard, reply: (status: number, headers: object, body: string) => void) => void,
): Promise<{ readonly port: number; readonly heard: Heard[] }> {
  const heard: Heard[] = []
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming
      const seen: Heard = { method, path: url, headers, body: Buffer.concat(chunks).toString() }
      heard.push(seen)
      answer(seen, (status, head, body) =>
        response.writeHead(status, head as Record<string, string>).end(body),
      )
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, heard }
}

/** As a node enters itself, by whoever can write to Redis. */
function enter(id: string, fields: object): void {
  const [seconds] = cluster.redis.command('time').split('\n')
  const info = {
    id,
    version: '0',
    region: 'local',
    role: 'all',
    state: 'active',
    startedAt: 1,
    connections: 0,
    pressure: 0,
    rates: { connects: 0, published: 0, delivered: 0 },
    degraded: [],
    ...fields,
  }
  cluster.redis.command(
    'hset',
    'sluice:nodes',
    id,
    `${Number(seconds) * 1000 + 1000} 0 ${JSON.stringify(info)}`,
  )
}

/** To the node behind, as it came or changed. */
function passOn(
  port: number,
  { method, path, headers, body }: Heard,
): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      // A connection of its own: one that was kept may be ended by the node just then.
      { host: '127.0.0.1', port, method, path, headers: { ...headers, host: 'x' }, agent: false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        )
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

describe('a node that an intruder has entered in the table', () => {
  it('is shown no key, whatever is asked, and is not believed', async () => {
    const { port, heard } = await listen(0, (_, reply) =>
      reply(
        200,
        { 'content-type': 'application/json' },
        '{"node":"intruder","drain":null,"subscribers":{"local":7}}',
      ),
    )
    enter('intruder', { address: `127.0.0.1:${port}` })
    const drained = await one.api('POST', '/v1/nodes/intruder/drain', { plan: '5m' })
    expect(drained.status).toBe(503)
    expect(await drained.text()).toContain('is not sealed')
    const channel = await one.api('GET', '/v1/channels/news')
    expect(await channel.json()).toMatchObject({ subscribers: { cluster: 0, silent: ['intruder'] } })
    expect(heard.map(({ method }) => method)).toEqual(['POST', 'GET'])
    expect(JSON.stringify(heard)).not.toContain(one.apiKey)
    expect(JSON.stringify(heard)).not.toContain('Bearer')
    cluster.redis.command('hdel', 'sluice:nodes', 'intruder')
  })

  it('is skipped and counted where it does not look like one, and the others are there', async () => {
    cluster.redis.command('hset', 'sluice:nodes', 'nonsense', '9999999999999 0 {nonsense}')
    enter('evil', { address: 'evil.example/path?:8081' })
    const { nodes } = (await (await one.api('GET', '/v1/nodes')).json()) as { nodes: { id: string }[] }
    expect(nodes.map(({ id }) => id)).toEqual([one.id])
    expect(await one.metric('sluice_malformed_nodes')).toBe(2)
    cluster.redis.command('hdel', 'sluice:nodes', 'nonsense', 'evil')
    await one.api('GET', '/v1/nodes')
    expect(await one.metric('sluice_malformed_nodes')).toBe(0)
  })

  it('gets nothing of what is published while NATS is away', async () => {
    const lone = await startCluster(1)
    try {
      const node = lone.nodes[0] as StartedNode
      const { WebSocketServer } = await import('ws')
      const intruder = new WebSocketServer({
        host: '127.0.0.1',
        port: 0,
        handleProtocols: () => 'sluice.mesh.v1',
      })
      await new Promise((resolve) => intruder.once('listening', resolve))
      const received: unknown[] = []
      let links = 0
      intruder.on('connection', (socket) => {
        links++
        socket.on('message', (data) => received.push(data))
      })
      const [seconds] = lone.redis.command('time').split('\n')
      const info = {
        ...{ id: 'intruder', version: '0', region: 'local', role: 'all', state: 'active', startedAt: 1 },
        ...{ connections: 0, pressure: 0, rates: { connects: 0, published: 0, delivered: 0 }, degraded: [] },
        address: `127.0.0.1:${(intruder.address() as AddressInfo).port}`,
      }
      lone.redis.command(
        'hset',
        'sluice:nodes',
        'intruder',
        `${Number(seconds) * 1000 + 60_000} 0 ${JSON.stringify(info)}`,
      )
      await lone.nats.kill()
      await expect.poll(() => links).toBeGreaterThan(1)
      await node.publish({ channel: 'news', data: 'secret' })
      await expect
        .poll(() => node.metric('sluice_mesh_refusals_total{direction="out",why="secret"}'))
        .toBeGreaterThan(2)
      expect(received).toEqual([])
      expect(await node.metric('sluice_mesh_links')).toBe(0)
      await new Promise<void>((resolve) => intruder.close(() => resolve()))
      for (const client of intruder.clients) client.terminate()
    } finally {
      await lone.close()
    }
  })
})

describe('between two nodes', () => {
  let two: StartedNode
  let middle: { readonly port: number; readonly heard: Heard[] }
  let change: (heard: Heard) => Heard
  let forge: (answer: { status: number; body: string }) => { status: number; body: string }
  let port: number

  beforeAll(async () => {
    port = await freePort()
    two = await cluster.join({ node: { address: `127.0.0.1:${port}` } })
  })

  async function between(): Promise<void> {
    change = (heard) => heard
    forge = (answer) => answer
    middle = await listen(port, (heard, reply) => {
      passOn(two.apiPort, change(heard)).then(
        ({ status, headers, body }) => {
          const forged = forge({ status, body })
          reply(
            forged.status,
            { ...headers, 'content-length': String(Buffer.byteLength(forged.body)) },
            forged.body,
          )
        },
        () => reply(502, {}, ''),
      )
    })
  }

  const drainOf = (): Promise<Response> => one.api('GET', `/v1/nodes/${two.id}/drain`)

  it('passes what is asked and answered, without the key, and with the name of who asked', async () => {
    await between()
    const answer = await drainOf()
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({ node: two.id, drain: null })
    const caller = Buffer.from(String(middle.heard[0]?.headers['sluice-caller']), 'base64url').toString()
    expect(JSON.parse(caller)).toMatchObject({ grant: { name: 'tests', scopes: ['publish', 'admin'] } })
    expect(JSON.stringify(middle.heard)).not.toContain(one.apiKey)
  })

  it('takes a request once: the same one again is refused', async () => {
    await between()
    expect((await drainOf()).status).toBe(200)
    const again = await passOn(two.apiPort, middle.heard[0] as Heard)
    expect(again.status).toBe(401)
    expect(again.body).toContain('has been made before')
  })

  it.each<readonly [string, (heard: Heard) => Heard]>([
    ['the method', (heard) => ({ ...heard, method: 'DELETE' })],
    ['the path', (heard) => ({ ...heard, path: `/v1/users/ann` })],
    ['the query', (heard) => ({ ...heard, path: `${heard.path}?a=1` })],
    ['the rights', (heard) => ({ ...heard, headers: { ...heard.headers, 'sluice-caller': 'e30' } })],
  ])('refuses a request of which %s was changed', async (_, changed) => {
    await between()
    change = changed
    const answer = await drainOf()
    expect(answer.status).toBe(401)
    expect(await answer.text()).toContain('was changed on its way')
  })

  it('refuses a changed body, and drains nothing', async () => {
    await between()
    change = (heard) => ({
      ...heard,
      body: '{"finish":true}',
      headers: { ...heard.headers, 'content-length': '15' },
    })
    expect((await one.api('POST', `/v1/nodes/${two.id}/drain`, { paused: true })).status).toBe(401)
    change = (heard) => heard
    expect(await (await drainOf()).json()).toEqual({ node: two.id, drain: null })
  })

  it.each<readonly [string, (answer: { status: number; body: string }) => { status: number; body: string }]>([
    ['body', ({ status }) => ({ status, body: '{"node":"x","drain":null}' })],
    ['status', ({ body }) => ({ status: 201, body })],
  ])('does not believe an answer of which the %s was changed', async (_, forged) => {
    await between()
    forge = forged
    const answer = await drainOf()
    expect(answer.status).toBe(503)
    expect(await answer.text()).toContain('is not sealed')
  })

  it('lets a key do at other nodes what it may do here, and no more', async () => {
    await between()
    const get = (path: string, key: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${one.apiPort}${path}`, { headers: { authorization: `Bearer ${key}` } })
    const counted = (await (await get('/v1/channels/news', READER)).json()) as { subscribers: object }
    expect(counted.subscribers).toEqual({ local: 0, cluster: 0 })
    expect(middle.heard).toHaveLength(1)
    expect((await get(`/v1/nodes/${two.id}/drain`, READER)).status).toBe(403)
    expect((await get('/v1/channels/other', READER)).status).toBe(403)
    // What was sealed for one thing is not good for another, with the same rights.
    expect(middle.heard).toHaveLength(1)
  })

  it('of two clusters nobody asks the other', async () => {
    const stranger = await startNode({
      nats: { url: [cluster.nats.url] },
      redis: { url: [cluster.redis.url] },
      node: { clusterSecret: 'a-secret-that-only-this-node-knows' },
      cluster: { heartbeat: '200ms', nodeTtl: '1500ms', canary: '200ms' },
    })
    try {
      await expect.poll(async () => (await one.api('GET', `/v1/nodes/${stranger.id}/drain`)).status).toBe(503)
      const answer = await one.api('GET', `/v1/nodes/${stranger.id}/drain`)
      expect(await answer.text()).toContain('another node.clusterSecret')
    } finally {
      await stranger.close()
    }
  })
})
