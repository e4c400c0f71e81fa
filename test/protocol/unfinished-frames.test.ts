import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RawClient } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

const KIB = 1024
const MASK = Buffer.from([1, 2, 3, 4])
const HANDSHAKE =
  'GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'

/** The beginning of a text frame that announces so many bytes (RFC 6455, section 5.2). */
function announcing(bytes: number): Buffer {
  const head = Buffer.alloc(10)
  head[0] = 0x81
  head[1] = 0x80 | 127
  head.writeBigUInt64BE(BigInt(bytes), 2)
  return Buffer.concat([head, MASK])
}

/** A WebSocket by hand, since a library sends whole frames. */
async function open(port: number): Promise<{ socket: Socket; ended: Promise<void> }> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  socket.write(HANDSHAKE)
  await new Promise<void>((resolve) => socket.once('data', () => resolve()))
  return { socket, ended }
}

describe('frames that never end', () => {
  let node: StartedNode
  beforeAll(async () => {
    node = await startNode({ limits: { frame: '64KiB', payload: '32KiB', connectTimeout: '2m' } })
  })
  afterAll(() => node.close())

  it('one that is announced far larger than limits.frame is cut off at once, before it has come', async () => {
    const { socket, ended } = await open(node.port)
    socket.write(announcing(200 * KIB))
    await ended
    expect(await node.metric('sluice_limits_hit_total{limit="frame"}')).toBeGreaterThan(0)
  })

  it('one in pieces is cut off as soon as the pieces are far larger than limits.frame', async () => {
    const { socket, ended } = await open(node.port)
    const piece = Buffer.concat([Buffer.from([0x01, 0x80 | 126, 0x40, 0x00]), MASK, Buffer.alloc(16 * KIB)])
    const next = Buffer.from(piece)
    next[0] = 0x00
    socket.write(piece)
    for (let i = 0; i < 8; i++) socket.write(next)
    await ended
  })

  it('one that is a little too large is answered with 1009', async () => {
    const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
      token: await node.token('large'),
    })
    client.socket.send(`"${'x'.repeat(70 * KIB)}"`)
    expect(await client.closed).toMatchObject({ code: 1009 })
  })
})

it('strangers who never say connect make room for those who come', async () => {
  // So large a frame that the fewest are let wait.
  const node = await startNode({
    limits: { frame: '4MiB', payload: '64KiB', connectTimeout: '2m' },
  })
  const strangers: { socket: Socket; ended: Promise<void> }[] = []
  try {
    for (let i = 0; i < 257; i++) strangers.push(await open(node.port))
    await strangers[0]?.ended
    expect(strangers[1]?.socket.destroyed).toBe(false)
    const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
      token: await node.token('honest'),
    })
    await client.settled()
  } finally {
    for (const { socket } of strangers) socket.destroy()
    await node.close()
  }
})
