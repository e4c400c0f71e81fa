/**
 * Behind real proxies, with the files of docs/operations.md: everything gets through, and a client that lies about its address is
 * known by its own all the same. Clients have loopback addresses of their own; the proxy reaches the node from 127.0.0.1.
 */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { proxyHeader } from '../support/proxy-header.ts'
import { RawClient } from '../support/raw-client.ts'
import { startHaproxy, startNginx, type ReverseProxy, type Target } from '../support/reverse-proxy.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** Many more than come back to a bucket while they are asked. */
const TRIES = 40

/** A busy machine lets in everybody: only the address counts here. */
const ADMISSION = { perAddressPerSecond: 1, perAddressBurst: 1, maxLoopLag: '0ms' } as const

interface Setup {
  readonly name: string
  readonly proxyProtocol: boolean
  start(target: Target): Promise<ReverseProxy>
}

const SETUPS: readonly Setup[] = [
  { name: 'HAProxy', proxyProtocol: false, start: (target) => startHaproxy('HAProxy', target) },
  { name: 'nginx', proxyProtocol: false, start: (target) => startNginx('nginx', target) },
  {
    name: 'HAProxy that passes bytes on',
    proxyProtocol: true,
    start: (target) => startHaproxy('Balancers that pass bytes on', target),
  },
]

let node: StartedNode
let proxy: ReverseProxy
let token: string

async function startBoth(setup: Setup): Promise<void> {
  node = await startNode({
    trustedProxies: ['127.0.0.1'],
    proxyProtocol: setup.proxyProtocol,
    admission: ADMISSION,
  })
  proxy = await setup.start(node)
  token = await node.token('ann')
}

async function stopBoth(): Promise<void> {
  await proxy.stop()
  await node.close()
}

interface Asked {
  /** The client's own address. */
  readonly from: string
  readonly headers?: Readonly<Record<string, string | string[]>>
}

async function open(path: string, { from, headers = {} }: Asked): Promise<IncomingMessage> {
  const request = get({
    host: '127.0.0.1',
    port: proxy.port,
    path,
    localAddress: from,
    rejectUnauthorized: false,
    agent: false,
    headers: { authorization: `Bearer ${token}`, ...headers },
  })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

/** 429 where the address has asked too often. */
async function statusOf(asked: Asked): Promise<number> {
  const response = await open('/v1/poll?channels=a&wait=0', asked)
  response.resume()
  await once(response, 'end')
  return response.statusCode as number
}

const PATH = '/v1/poll?channels=a&wait=0'

/** The statuses that come over one connection on which the pieces are sent, each after an answer or the end. */
async function statusesOf(from: string, pieces: readonly Buffer[]): Promise<number[]> {
  const options = { host: '127.0.0.1', port: proxy.port, localAddress: from }
  const socket = connectTls({ socket: connectTcp(options), rejectUnauthorized: false })
  let received = ''
  socket.on('data', (bytes: Buffer) => (received += bytes.toString()))
  socket.on('error', () => undefined)
  const closed = once(socket, 'close')
  await once(socket, 'secureConnect')
  for (const piece of pieces) {
    if (socket.destroyed) break
    socket.write(piece)
    await Promise.race([once(socket, 'data'), closed])
  }
  await closed
  return [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))
}

describe.each(SETUPS.map((setup) => [setup.name, setup] as const))('behind %s', (_name, setup) => {
  beforeAll(() => startBoth(setup))
  afterAll(stopBoth)

  it('a WebSocket and a stream get what is published', async () => {
    const { client } = await RawClient.connect(
      `wss://127.0.0.1:${proxy.port}/v1/ws`,
      { token },
      { rejectUnauthorized: false, localAddress: '127.0.1.1' },
    )
    await client.request({ type: 'subscribe', channel: 'news', ref: 1 })
    const stream = await open('/v1/sse?channels=news', { from: '127.0.1.2' })
    expect(stream.statusCode).toBe(200)
    let events = ''
    stream.on('data', (bytes: Buffer) => (events += bytes.toString()))
    stream.on('error', () => undefined)
    await expect.poll(() => events).toContain('event: welcome')
    await node.publish({ channel: 'news', data: 'through' })
    expect(await client.next('message')).toMatchObject({ data: 'through' })
    await expect.poll(() => events).toContain('"through"')
    stream.destroy()
    client.cut()
  })

  it('each client has its own address', async () => {
    for (const from of ['127.0.2.1', '127.0.2.2', '127.0.2.3']) expect(await statusOf({ from })).toBe(200)
  })

  it.each([
    ['in one line', (claim: string) => claim],
    ['in several lines', (claim: string) => [claim, '198.51.100.1', claim]],
    ['as one of the proxies', (claim: string) => [`${claim}, 127.0.0.1`]],
  ])('a client that lies in X-Forwarded-For, %s, is known by its own', async (what, headerOf) => {
    const from = `127.0.3.${what.length}`
    const statuses = await Promise.all(
      Array.from({ length: TRIES }, (_, index) =>
        statusOf({ from, headers: { 'X-Forwarded-For': headerOf(`203.0.113.${index}`) } }),
      ),
    )
    expect(new Set(statuses)).toEqual(new Set([200, 429]))
  })
})

describe('behind HAProxy that passes bytes on', () => {
  beforeAll(() => startBoth(SETUPS[2] as Setup))
  afterAll(stopBoth)

  const request = (): Buffer =>
    Buffer.from(`GET ${PATH} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${token}\r\n\r\n`)

  it('a PROXY header that the client puts in front of its second request gets it nothing', async () => {
    const statuses: number[][] = []
    for (let i = 0; i < TRIES; i++) {
      const lie = Buffer.concat([proxyHeader(`203.0.113.${i}`), request()])
      statuses.push(await statusesOf('127.0.4.1', [request(), lie]))
    }
    expect(statuses.filter(({ length }) => length !== 1)).toEqual([])
    expect(new Set(statuses.flat())).toEqual(new Set([200, 429]))
  })

  it('nor does one in the same segment', async () => {
    for (let i = 0; i < 5; i++) {
      const lie = Buffer.concat([request(), proxyHeader(`203.0.113.${i}`), request()])
      expect(await statusesOf('127.0.4.2', [lie])).toEqual([])
    }
  })
})

describe('without proxyProtocol', () => {
  beforeAll(async () => {
    node = await startNode({
      trustedProxies: ['127.0.0.1'],
      admission: ADMISSION,
    })
    // That a proxy sends the header all the same changes nothing.
    proxy = await startHaproxy('Balancers that pass bytes on', node)
    token = await node.token('ann')
  })
  afterAll(stopBoth)

  it('the header is not believed: all clients of the proxy are one address', async () => {
    const statuses = await Promise.all(
      Array.from({ length: TRIES }, (_, index) => statusOf({ from: `127.0.5.${index + 1}` })),
    )
    expect(new Set(statuses)).toEqual(new Set([200, 429]))
  })
})
