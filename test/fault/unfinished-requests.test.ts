import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Listener } from '../../src/drivers/uws.ts'
import { RawClient } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode
beforeAll(async () => {
  node = await startNode()
})
afterAll(() => node.close())

/** Sends some bytes and waits until the other side ends the connection. */
async function endOf(port: number, bytes: string): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk.toString()))
  socket.on('error', () => undefined)
  await new Promise<void>((resolve) => socket.on('connect', resolve))
  socket.write(bytes)
  await new Promise<void>((resolve) => socket.on('close', () => resolve()))
  return answer
}

describe('requests that never finish', () => {
  it('are ended, and nobody else notices', async () => {
    const token = await node.token('neighbour')
    const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token })
    await client.request({ type: 'subscribe', ref: 1, channel: 'news' })
    const ends = Promise.all([
      endOf(node.port, ''),
      endOf(node.port, 'GET /v1/sse?channels=news HTTP/1.1\r\nHost: x\r\n'),
      endOf(node.port, 'GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Key: '),
      endOf(
        node.apiPort,
        `POST /v1/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${node.apiKey}\r\nContent-Length: 1000\r\n\r\n{"channel"`,
      ),
      endOf(node.apiPort, 'GET /metrics HTTP/1.1\r\nHost'),
    ])
    await node.publish({ channel: 'news', data: 'meanwhile' })
    expect(await client.next('message')).toMatchObject({ data: 'meanwhile' })
    await ends
    await node.publish({ channel: 'news', data: 'afterwards' })
    expect(await client.next('message')).toMatchObject({ data: 'afterwards' })
  })

  it('a peer that speaks something else, or HTTP of another version, is ended', async () => {
    // Some binaries say 400 or 505 first, others nothing (H8 in docs/wire.md).
    for (const bytes of ['SSH-2.0-OpenSSH_9.2\r\n\r\n', 'GET / HTTP/1.0\r\nHost: x\r\n\r\n'])
      expect(await endOf(node.port, bytes)).toMatch(/^(?:$|HTTP\/1\.1 (?:400|505))/)
  })
})

describe('who is answered before his body has come', () => {
  const BODY = '{"channel":"news"}'
  const post = (path: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY.length}\r\n\r\n`

  it('is not kept for as long as he likes', async () => {
    // The whole of it, and a body of which there is nothing.
    const ends = await Promise.all([
      endOf(node.port, post('/nothing') + BODY),
      endOf(node.port, 'POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'),
      endOf(node.apiPort, post('/v1/publish') + BODY),
    ])
    expect(ends.map((answer) => answer.slice(0, 12))).toEqual([
      'HTTP/1.1 404',
      'HTTP/1.1 404',
      'HTTP/1.1 401',
    ])
  })

  it('keeps his connection where he was answered at once, and has it closed where that took until later', async () => {
    const port = await listening()
    const socket = connect(port, '127.0.0.1')
    let answers = ''
    socket.on('data', (chunk) => (answers += chunk.toString()))
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    socket.write(post('/at-once') + BODY)
    await expect.poll(() => answers).toMatch(/at once$/)
    socket.write(post('/at-once') + BODY + post('/whole') + BODY)
    await expect.poll(() => answers).toMatch(/at once.*at once.*whole: 18$/s)
    expect(answers).not.toMatch(/connection: close/i)
    // Its body comes when the answer is there.
    socket.write(post('/later'))
    await expect.poll(() => answers).toMatch(/later$/)
    expect(answers).toMatch(/connection: close/i)
    socket.write(BODY)
    await closed
  })
})

async function listening(): Promise<number> {
  const listener = new Listener({
    ...{ host: '127.0.0.1', port: 0, shared: false, setBy: 'host and port', goneMs: 40_000 },
    caught: (_wall, error) => {
      throw error
    },
  })
  listener.http({
    bodyBytesMax: 1000,
    async handle(exchange) {
      const { path } = exchange.head
      if (path === '/at-once') return exchange.respond(200, {}, 'at once')
      if (path === '/whole') return exchange.respond(200, {}, `whole: ${(await exchange.body()).length}`)
      await new Promise((resolve) => setImmediate(resolve))
      exchange.respond(200, {}, 'later')
    },
    failed: (exchange) => exchange.respond(500, {}),
  })
  await listener.listen()
  onTestFinished(() => listener.close())
  return listener.port
}
