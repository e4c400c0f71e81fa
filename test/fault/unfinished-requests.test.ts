import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
