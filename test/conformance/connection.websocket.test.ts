import { describeConnection, type Received, type TestClient } from './connection.suite.ts'
import { Newcomers } from '../../src/transport/newcomers.ts'
import { WebSocketConnection } from '../../src/transport/websocket.ts'
import type { ServerFrame } from '../../src/protocol/frames.ts'
import { OPTIONS, USER } from '../support/connection-world.ts'
import { FakeSocket } from '../support/fake-uws.ts'

/** RFC 6455, section 7.1.5: no close frame was received. */
const GONE = 1006

describeConnection('WebSocketConnection', {
  lasting: true,
  async connect(world, channels): Promise<TestClient> {
    const context = {
      ports: world.ports,
      options: OPTIONS,
      newcomers: new Newcomers<WebSocketConnection>(10),
    }
    const connection = new WebSocketConnection({ token: undefined, address: '' }, context)
    const received: Received[] = []
    let reading = true
    let lastError: string | undefined
    const read = (count = Infinity): void => {
      for (const { data } of socket.read(count)) {
        const frame = JSON.parse(data.toString()) as ServerFrame
        if (frame.type === 'error') lastError = frame.code
        else if (frame.type === 'reset') {
          const { type, channel, reason } = frame
          received.push({ type, channel, reason })
        } else if (frame.type === 'message') {
          const { type, channel, data: payload } = frame as unknown as Received & { type: 'message' }
          received.push({ type, channel, data: payload })
        }
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
    const say = (frame: object): void =>
      connection.received(new Uint8Array(Buffer.from(JSON.stringify(frame))).buffer, false)
    connection.opened(socket)
    say({ type: 'connect', token: USER })
    for (const [ref, [channel, from]] of Object.entries(channels).entries())
      say({ type: 'subscribe', ref, channel, from })
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
})
