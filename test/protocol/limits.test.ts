import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ClientError, SluiceClient } from '../../src/client/index.ts'
import { createClient } from '../../src/client/node.ts'
import { HEAD_BYTES_MAX } from '../../src/protocol/request-head.ts'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { EventStream } from '../support/event-stream.ts'
import { RawClient } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** Limits that fit each other, with the defaults: who keeps one of them does not fall over another. */

let node: StartedNode
let proxy: CuttingProxy
const clients: SluiceClient[] = []

beforeAll(async () => {
  node = await startNode({ namespaces: { chat: { clientPublish: 'fanout' } } })
  proxy = new CuttingProxy(node.port)
  await proxy.listen()
})
afterAll(async () => {
  for (const client of clients) client.close()
  await proxy.close()
  await node.close()
})

function clientOf(user: string): { client: SluiceClient; states: string[]; errors: ClientError[] } {
  const client = createClient({
    url: `ws://127.0.0.1:${proxy.port}/v1/ws`,
    token: () => node.token(user),
    backoff: { baseMs: 20, maxMs: 50 },
  })
  const states: string[] = []
  const errors: ClientError[] = []
  client.on('state', ({ state }) => states.push(state))
  client.on('error', (error) => errors.push(error))
  clients.push(client)
  return { client, states, errors }
}

const longNames = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => `room:${n}:`.padEnd(128, 'x'))

describe('welcome', () => {
  it('tells the limits, on a WebSocket and a stream', async () => {
    const limits = { frame: 66_560, payload: 65_536, subscriptions: 512 }
    const token = await node.token('wim')
    const { client, welcome } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token })
    expect(welcome).toMatchObject({ limits })
    client.cut()
    const stream = await EventStream.open(`http://127.0.0.1:${node.port}/v1/sse?channels=a&token=${token}`)
    expect((await stream.next('welcome')).data).toMatchObject({ limits })
    stream.close()
  })
})

describe('a client', () => {
  it('with 512 channels of the longest names comes back to each of them, and misses nothing', async () => {
    const { client, states, errors } = clientOf('max')
    const names = longNames(512)
    const seen = new Map<string, unknown[]>(names.map((name) => [name, []]))
    const subscriptions = names.map((name) =>
      client.subscribe(name, ({ data }) => void seen.get(name)?.push(data), {
        onReset: () => void seen.get(name)?.push('reset'),
      }),
    )
    await client.connect()
    await Promise.all(subscriptions.map(({ ready }) => ready))
    for (let round = 0; round < 3; round++) {
      proxy.cut(1)
      await node.publish(names.map((channel) => ({ channel, data: round })))
      await expect.poll(() => [...seen.values()].every((data) => data.length === round + 1)).toBe(true)
    }
    expect([...seen.values()].filter((data) => data.join() !== '0,1,2')).toEqual([])
    expect(errors).toEqual([])
    expect(states).not.toContain('closed')
  })

  it('that publishes too much is told so, and goes on', async () => {
    const { client, states } = clientOf('pia')
    await client.connect()
    const refused = (data: unknown): Promise<unknown> =>
      client.publish('chat:1', data).catch((error: unknown) => error)
    // The largest payload of all is one that a client may publish too.
    const id = '"'.repeat(128)
    const largest = await client.publish('chat:1', 'x'.repeat(65_534), { id })
    expect(largest.position).toBeDefined()
    // Refused by the gateway, by the client, and by the client for its bytes.
    for (const data of ['x'.repeat(65_535), 'x'.repeat(70_000), '€'.repeat(30_000), new Uint8Array(70_000)])
      expect(await refused(data)).toMatchObject({ code: 'limit_exceeded' })
    expect((await client.publish('chat:1', 'small')).duplicate).toBe(false)
    expect(states).toEqual(['connecting', 'connected'])
  })
})

describe('a stream', () => {
  const query = async (names: readonly string[]): Promise<string> =>
    `channels=${names.join(',')}&token=${await node.token('sue')}`

  it('that could not come back with its cursor is refused before it begins', async () => {
    for (const path of ['sse', 'poll']) {
      const response = await fetch(
        `http://127.0.0.1:${node.port}/v1/${path}?wait=0&${await query(longNames(100))}`,
      )
      expect(response.status).toBe(413)
      expect(await response.json()).toMatchObject({
        error: { code: 'limit_exceeded', message: expect.stringContaining('fewer channels') as string },
      })
    }
  })

  it('of as many channels as are let in does come back, also where the request comes in pieces', async () => {
    let count = 100
    let stream: EventStream
    for (;;) {
      stream = await EventStream.open(`http://127.0.0.1:${node.port}/v1/sse?${await query(longNames(count))}`)
      if (stream.response.status === 200) break
      stream.close()
      count--
    }
    expect(count).toBeGreaterThan(60)
    const { id } = await stream.next('welcome')
    stream.close()
    const head = [
      `GET /v1/sse?${await query(longNames(count))} HTTP/1.1`,
      'Host: gateway.example',
      `Last-Event-ID: ${id}`,
      // As a browser has it.
      `User-Agent: ${'Mozilla/5.0 '.repeat(12)}`,
      'Accept: text/event-stream',
      '\r\n',
    ].join('\r\n')
    expect(head.length).toBeLessThan(HEAD_BYTES_MAX)
    expect(await firstLine(head)).toBe('HTTP/1.1 200 OK')
  })
})

/** Longer than a busy machine takes. */

function firstLine(request: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: node.port })
  return new Promise<string>((resolve, reject) => {
    let answer = ''
    socket.on('error', reject)
    socket.on('end', () => resolve(answer))
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString()
      if (!answer.includes('\r\n')) return
      resolve(answer.slice(0, answer.indexOf('\r\n')))
      socket.destroy()
    })
    socket.setNoDelay(true)
    socket.write(request.slice(0, 9000))
    setImmediate(() => socket.write(request.slice(9000)))
  })
}
