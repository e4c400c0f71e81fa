/** Clients over WebSockets for the suite of connections, whatever they speak. */
import type { Received, Rig } from '../conformance/connection.suite.ts'
import type { Dialect } from '../../src/dialect/dialect.ts'
import type { From } from '../../src/protocol/position.ts'
import { Newcomers } from '../../src/transport/newcomers.ts'
import { WebSocketConnection } from '../../src/transport/websocket.ts'
import { OPTIONS, type ConnectionWorld } from './connection-world.ts'
import { FakeSocket } from './fake-uws.ts'

/** RFC 6455, section 7.1.5: no close frame was received. */
const GONE = 1006

export interface Wording {
  readonly dialect: (world: ConnectionWorld) => Dialect
  /** What a client says to be on these channels, one frame each. */
  readonly connect: (channels: Readonly<Record<string, From | undefined>>) => readonly string[]
  /** What a frame of the gateway says; `undefined`: nothing that the suite asks about. */
  readonly received: (frame: string) => Received | undefined
}

export function socketRig({ dialect: dialectOf, connect, received: readFrame }: Wording): Rig {
  return {
    lasting: true,
    async connect(world, channels) {
      const { ports } = world
      const dialect = dialectOf(world)
      const hello = { token: undefined, ticket: undefined, turns: undefined, subprotocol: '' }
      const context = { ports, options: OPTIONS, newcomers: new Newcomers(10) }
      const connection = new WebSocketConnection(
        { conversation: dialect.converse(hello), address: '' },
        {
          ...context,
          dialect,
          path: '/v1/ws',
        },
      )
      const received: Received[] = []
      let reading = true
      let lastError: string | undefined
      const read = (count = Infinity): void => {
        for (const { data } of socket.read(count)) {
          const one = readFrame(data.toString())
          if (one?.type === 'end') lastError = one.code
          else if (one !== undefined) received.push(one)
        }
      }
      const socket: FakeSocket = new FakeSocket(world.uws, OPTIONS.bufferedBytesMax, {
        dropped: (message) => connection.dropped(message),
        drained: () => connection.drained(),
        gone(code) {
          connection.gone(code)
          if (code === GONE) return
          read()
          received.push({ type: 'end', code: lastError })
        },
      })
      connection.opened(socket)
      for (const frame of connect(channels)) {
        connection.received(new Uint8Array(Buffer.from(frame)).buffer, false)
        await world.turns()
      }
      world.clients.push(() => {
        if (reading) read()
      })
      await world.turns()
      return {
        connection,
        received,
        get waitingBytes() {
          return socket.getBufferedAmount()
        },
        readSome: () => read(1),
        stopReading() {
          reading = false
        },
        read() {
          reading = true
          read()
        },
        leave: () => socket.cut(GONE),
      }
    },
  }
}
