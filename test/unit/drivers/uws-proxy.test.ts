import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { Listener, type HttpExchange } from '../../../src/drivers/uws.ts'
import { localHeader, proxyHeader } from '../../support/proxy-header.ts'

/** What a client can do behind a balancer that passes bytes on: `A` is the balancer's header, `B` one of the client's own. */
const A = proxyHeader('198.51.100.7')
const B = proxyHeader('203.0.113.66')

const get = (path: string, method = 'GET'): Buffer =>
  Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: gateway\r\n\r\n`)
const handshake = (path: string): Buffer =>
  Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
const post = (path: string): Buffer =>
  Buffer.from(`POST ${path} HTTP/1.1\r\nHost: gateway\r\nContent-Length: 2\r\n\r\n{}`)

interface Seen {
  readonly address: string
  readonly path: string
}

/** Nobody is let in. */
const never = (): never => {
  throw new Error('there is a socket')
}
const WITHOUT_SOCKETS = {
  open: never,
  message: never,
  control: never,
  dropped: never,
  congested: undefined,
  drain: never,
  close: never,
}

async function start(proxyProtocol: boolean): Promise<{ port: number; seen: Seen[] }> {
  const seen: Seen[] = []
  const listener = new Listener({
    host: '127.0.0.1',
    port: 0,
    shared: false,
    setBy: 'host and port',
    goneMs: 40_000,
    proxyProtocol,
    caught: (_wall, error) => {
      throw error
    },
  })
  listener.http({
    bodyBytesMax: 100,
    handle: (exchange) => {
      seen.push({ address: exchange.head.proxiedAddress, path: exchange.head.path })
      return answer(exchange)
    },
    failed: (exchange) => exchange.respond(500, {}),
  })
  for (const path of ['/refused', '/refused-later'])
    listener.webSocket<object>(path, {
      frameBytesMax: 100,
      bufferedBytesMax: 1000,
      idleTimeoutSeconds: 60,
      upgrade(head, upgrade) {
        seen.push({ address: head.proxiedAddress, path })
        const refuse = (): void => upgrade.refuse(503, {}, 'not now')
        if (path === '/refused') refuse()
        else setImmediate(refuse)
      },
      ...WITHOUT_SOCKETS,
    })
  await listener.listen()
  onTestFinished(() => listener.close())
  return { port: listener.port, seen }
}

function answer(exchange: HttpExchange): void | Promise<void> {
  switch (exchange.head.path) {
    case '/nothing':
      exchange.respond(204, {})
      return undefined
    case '/stream': {
      const stream = exchange.stream(200, {}, () => undefined, '\n')
      stream?.cork(() => void stream.write('one'))
      setImmediate(() => {
        if (exchange.done) return
        stream?.cork(() => void stream.write('two'))
        stream?.end()
      })
      return undefined
    }
    case '/later':
      return new Promise((resolve) =>
        setImmediate(() => {
          exchange.respond(200, {}, 'ok')
          resolve()
        }),
      )
    default:
      exchange.respond(200, {}, 'ok')
      return undefined
  }
}

/** Sends the segments, each after what the one before has brought, and reads until the listener closes the connection. */
async function talk(port: number, ...segments: readonly Buffer[]): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  let received = ''
  let ended = false
  socket.on('data', (bytes: Buffer) => (received += bytes.toString()))
  socket.on('error', () => undefined)
  const closed = once(socket, 'close').then(() => (ended = true))
  await once(socket, 'connect')
  for (const segment of segments) {
    if (ended) break
    socket.write(segment)
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  await closed
  return received
}

it('a header is read with its request, alone, in pieces, and with IPv6', async () => {
  const { port, seen } = await start(true)
  await talk(port, Buffer.concat([A, get('/')]))
  await talk(port, A, get('/'))
  await talk(port, A.subarray(0, 9), A.subarray(9), get('/').subarray(0, 7), get('/').subarray(7))
  await talk(port, Buffer.concat([proxyHeader('2001:0db8:0000:0000:0000:0000:0000:0007'), get('/')]))
  await talk(port, Buffer.concat([proxyHeader('0000:0000:0000:0000:0000:ffff:c633:6407'), get('/')]))
  await talk(port, Buffer.concat([localHeader(), get('/')]))
  await talk(port, get('/'))
  expect(seen.map(({ address }) => address)).toEqual([
    '198.51.100.7',
    '198.51.100.7',
    '198.51.100.7',
    '2001:0db8:0000:0000:0000:0000:0000:0007',
    '198.51.100.7',
    '',
    '',
  ])
})

const FIRST: readonly (readonly [what: string, request: Buffer, answered: string])[] = [
  ['a request that is answered at once', get('/'), 'HTTP/1.1 200 OK'],
  ['one that is answered later', get('/later'), 'HTTP/1.1 200 OK'],
  ['one with a body', post('/'), 'HTTP/1.1 200 OK'],
  ['one whose answer has no content', get('/nothing'), 'HTTP/1.1 200 OK'],
  ['a HEAD', get('/', 'HEAD'), 'HTTP/1.1 200 OK'],
  ['a stream that ends', get('/stream'), 'one'],
  ['a handshake that is refused at once', handshake('/refused'), 'HTTP/1.1 503'],
  ['one that is refused later', handshake('/refused-later'), 'HTTP/1.1 503'],
]

it.each(FIRST)('nothing follows on a connection after %s', async (_, request, answered) => {
  const { port, seen } = await start(true)
  const received = await talk(port, Buffer.concat([A, request]), Buffer.concat([B, get('/second')]))
  expect(received).toContain(answered)
  const head = received.slice(0, received.indexOf('\r\n\r\n')).toLowerCase().split('\r\n')
  expect(head.filter((line) => line.startsWith('connection:'))).toEqual(['connection: close'])
  expect(head.filter((line) => line.startsWith('content-length:')).length).toBeLessThan(2)
  expect(head.filter((line) => line.startsWith('keep-alive:'))).toEqual([])
  expect(seen.map(({ address }) => address)).toEqual(['198.51.100.7'])
})

it.each(FIRST)('a header of its own in the same segment as %s gets a client nothing', async (_, request) => {
  const { port, seen } = await start(true)
  await talk(port, Buffer.concat([A, request, B, get('/second')]))
  expect(seen.map(({ address }) => address)).toEqual(['198.51.100.7'])
})

it('a handshake of a version that is not known is answered', async () => {
  const { port } = await start(true)
  const asked = handshake('/refused').toString().replace('Version: 13', 'Version: 12')
  expect(await talk(port, Buffer.concat([A, Buffer.from(asked)]))).toContain('HTTP/1.1 426')
})

it('a stream is read to its end, whole chunks only', async () => {
  const { port } = await start(true)
  const received = await talk(port, Buffer.concat([A, get('/stream')]))
  expect(received.slice(received.indexOf('\r\n\r\n') + 4)).toMatch(/^3\r\none\r\n3\r\ntwo(?:\r\n)?$/)
})

it('elsewhere a connection carries many requests', async () => {
  const { port, seen } = await start(false)
  const last = Buffer.from('GET /last HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n')
  await talk(port, get('/'), get('/nothing'), post('/'), last)
  expect(seen.map(({ path }) => path)).toEqual(['/', '/nothing', '/', '/last'])
})
