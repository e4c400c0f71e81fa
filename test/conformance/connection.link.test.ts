import { describeConnection, type Received, type TestClient } from './connection.suite.ts'
import { LinkConnection } from '../../src/transport/link.ts'
import { LinkLines } from '../../src/transport/link-lines.ts'
import { PollSocket, StreamSocket } from '../../src/transport/link-sockets.ts'
import { Newcomers } from '../../src/transport/newcomers.ts'
import type { ServerFrame } from '../../src/dialect/sluice-v1/frames.ts'
import { OPTIONS, USER, type ConnectionWorld } from '../support/connection-world.ts'
import { FakeExchange } from '../support/fake-exchange.ts'
import { sluiceV1 } from '../support/sluice-v1.ts'

function connectionIn(world: ConnectionWorld, mode: 'sse' | 'poll'): LinkConnection {
  const newcomers = new Newcomers(10)
  const dialect = sluiceV1(world.ports, OPTIONS)
  const context = { ports: world.ports, options: OPTIONS, newcomers, dialect, path: '/v1/ws' }
  return new LinkConnection(
    mode,
    {
      conversation: dialect.converse({
        token: undefined,
        ticket: undefined,
        turns: undefined,
        subprotocol: '',
      }),
      address: '',
    },
    context,
  )
}

function say(connection: LinkConnection, channels: Readonly<Record<string, unknown>>): void {
  const send = (frame: object): void =>
    connection.received(new Uint8Array(Buffer.from(JSON.stringify(frame))).buffer, false)
  send({ type: 'connect', token: USER })
  for (const [ref, [channel, from]] of Object.entries(channels).entries())
    send({ type: 'subscribe', ref, channel, from })
}

/** What lines of a link tell. */
function receivedIn(lines: readonly string[]): Received[] {
  const received: Received[] = []
  let complaint: string | undefined
  for (const line of lines) {
    if (line.startsWith('[')) received.push({ type: 'end', code: complaint })
    if (!line.startsWith('{')) continue
    const frame = JSON.parse(line) as ServerFrame
    if (frame.type === 'error') complaint = frame.code
    else if (frame.type === 'reset')
      received.push({ type: 'reset', channel: frame.channel, reason: frame.reason })
    else if (frame.type === 'message')
      received.push({
        type: 'message',
        channel: frame.channel,
        data: (frame as unknown as { data: unknown }).data,
      })
  }
  return received
}

describeConnection('a link that streams', {
  lasting: true,
  async connect(world, channels): Promise<TestClient> {
    const exchange = new FakeExchange(OPTIONS.bufferedBytesMax)
    const connection = connectionIn(world, 'sse')
    const context = {
      ports: world.ports,
      options: { ...OPTIONS, idleTimeoutMs: 60_000 },
      dialect: sluiceV1(world.ports, OPTIONS),
      path: '/v1/ws',
      lines: new LinkLines(),
    }
    const opening = { exchange: exchange.asExchange(), headers: {} }
    connection.opened(new StreamSocket(connection, context, opening))
    say(connection, channels)
    await world.turns()
    return {
      connection,
      get received() {
        return receivedIn([...exchange.text.matchAll(/^data: (.*)$/gm)].map(([, line = '']) => line))
      },
      get waitingBytes() {
        return exchange.waitingBytes
      },
      readSome: () => exchange.readSome(),
      stopReading: () => exchange.stopReading(),
      read: () => exchange.read(),
      leave() {
        exchange.end = 'cut'
        connection.gone(1006)
      },
    }
  },
})

describeConnection('a link that polls', {
  lasting: true,
  async connect(world, channels): Promise<TestClient> {
    const connection = connectionIn(world, 'poll')
    const context = {
      ports: world.ports,
      options: { ...OPTIONS, idleTimeoutMs: 60_000 },
      dialect: sluiceV1(world.ports, OPTIONS),
      path: '/v1/ws',
      lines: new LinkLines(),
    }
    const socket = new PollSocket(connection, context, () => undefined)
    const lines: string[] = []
    let reading = true
    let number = 0
    let asking = false
    const ask = (): void => {
      if (asking) return
      asking = true
      void socket.poll(number)?.then((answer) => {
        asking = false
        const [head, ...more] = answer.toString().split('\n')
        number = Number(head)
        lines.push(...more)
        if (reading) ask()
      })
    }
    connection.opened(socket)
    ask()
    say(connection, channels)
    await world.turns()
    return {
      connection,
      get received() {
        return receivedIn(lines)
      },
      get waitingBytes() {
        return socket.waitingBytes
      },
      readSome: ask,
      stopReading() {
        reading = false
      },
      read() {
        reading = true
        ask()
      },
      leave: () => connection.gone(1006),
    }
  },
})
