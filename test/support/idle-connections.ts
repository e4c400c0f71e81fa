/**
 * Idle connections by the thousand, with sockets that are made up: what they hold of ours is counted, however many files a process may open.
 */
import type { NativeSocket } from '../../src/drivers/uws.ts'
import { Newcomers } from '../../src/transport/newcomers.ts'
import { WebSocketConnection } from '../../src/transport/websocket.ts'
import { ConnectionWorld, OPTIONS } from './connection-world.ts'
import { heldBytes } from './held-memory.ts'
import { sluiceV1 } from './sluice-v1.ts'

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

const SUBSCRIBE = JSON.stringify({ type: 'subscribe', ref: 1, channel: 'news' })

/** For each of many connections of as many users, with a session, an inbox and one channel: on the heap, and in buffers beside it. */
export async function idleBytes(count: number): Promise<{ readonly heap: number; readonly buffers: number }> {
  const world = new ConnectionWorld()
  const { ports } = world
  const dialect = sluiceV1(ports, OPTIONS)
  const newcomers = new Newcomers(10)
  const context = { ports, options: OPTIONS, newcomers, dialect, path: '/v1/ws' }
  const hello = { token: undefined, ticket: undefined, turns: undefined, subprotocol: '' }
  const open = async (first: number, opened: number): Promise<WebSocketConnection[]> => {
    const connections = []
    for (let i = first; i < first + opened; i++) {
      const connection = new WebSocketConnection(
        { conversation: dialect.converse(hello), address: '' },
        context,
      )
      connection.opened(SOCKET)
      for (const frame of [JSON.stringify({ type: 'connect', token: `user-${i}` }), SUBSCRIBE])
        connection.received(new Uint8Array(Buffer.from(frame)).buffer, false)
      connections.push(connection)
      if (i % 100 === 0) await world.turns()
    }
    await world.turns()
    // They would be held for the world alone.
    world.fanouts.clear()
    return connections
  }
  const warm = await open(0, WARM_UP)
  const before = await heldBytes()
  const connections = await open(WARM_UP, count)
  const after = await heldBytes()
  const { count: served } = world.node.sessions
  if (served !== WARM_UP + count) throw new Error(`${served} are connected, not ${WARM_UP + count}`)
  for (const connection of [...warm, ...connections]) connection.gone(1006)
  await world.close()
  return { heap: (after.heap - before.heap) / count, buffers: (after.buffers - before.buffers) / count }
}
