import { describe, expect, it } from 'vitest'
import type { NativeSocket } from '../../../src/drivers/uws.ts'
import { Newcomers } from '../../../src/transport/newcomers.ts'
import { WebSocketConnection } from '../../../src/transport/websocket.ts'
import { ConnectionWorld, OPTIONS } from '../../support/connection-world.ts'
import { heldBytes } from '../../support/held-memory.ts'
import { sluiceV1 } from '../../support/sluice-v1.ts'

const CONNECTIONS = 2000
/** Some are opened before it is counted: by then code is compiled, and tables have been small. */
const WARM_UP = 1000

/** One for all: what the library holds for a socket is not ours. */
const SOCKET: NativeSocket = {
  send: () => 1,
  subscribe: () => true,
  unsubscribe: () => true,
  getBufferedAmount: () => 0,
  end: () => undefined,
  close: () => undefined,
  cork: () => undefined,
  publish: () => true,
}

/** On the heap, for each of many connections of as many users. */
async function bytesOf(frames: readonly string[]): Promise<number> {
  const world = new ConnectionWorld()
  const { ports } = world
  const dialect = sluiceV1(ports, OPTIONS)
  const newcomers = new Newcomers(10)
  const context = { ports, options: OPTIONS, newcomers, dialect, path: '/v1/ws' }
  const hello = { token: undefined, ticket: undefined, turns: undefined, subprotocol: '' }
  const open = async (first: number, count: number): Promise<WebSocketConnection[]> => {
    const connections = []
    for (let i = first; i < first + count; i++) {
      const connection = new WebSocketConnection(
        { conversation: dialect.converse(hello), address: '' },
        context,
      )
      connection.opened(SOCKET)
      const connect = JSON.stringify({ type: 'connect', token: `user-${i}` })
      for (const frame of [connect, ...frames])
        connection.received(new Uint8Array(Buffer.from(frame)).buffer, false)
      connections.push(connection)
      if (i % 100 === 0) await world.turns()
    }
    await world.turns()
    return connections
  }
  const warm = await open(0, WARM_UP)
  const before = await heldBytes()
  const connections = await open(WARM_UP, CONNECTIONS)
  const after = await heldBytes()
  expect(world.node.sessions.count).toBe(WARM_UP + CONNECTIONS)
  for (const connection of [...warm, ...connections]) connection.gone(1006)
  await world.close()
  return (after.heap - before.heap) / CONNECTIONS
}

const SUBSCRIBE = JSON.stringify({ type: 'subscribe', ref: 1, channel: 'news' })

describe('an idle connection', () => {
  /**
   * With a session, an inbox and one channel. Found are some 1,300 bytes, 250 of them this world's: a table, a closure, an array or an
   * object more for each connection is found here, a field more is not. The least of three: V8 compiles meanwhile.
   */
  it('holds no more than it has to', async () => {
    const found = []
    for (let i = 0; i < 3; i++) found.push(await bytesOf([SUBSCRIBE]))
    expect(Math.min(...found)).toBeLessThan(1420)
  })
})
