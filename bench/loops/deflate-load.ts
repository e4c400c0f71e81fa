/** Subscribers that offer `permessage-deflate` and count what arrives; they do not look into it. */
import { answerSteps } from '../lib/steps.ts'
import { DIALECTS } from '../load/dialects.ts'
import { mintToken } from '../load/tokens.ts'
import { RawWebSocket } from '../load/websocket.ts'
import { ROOM } from '../peers/terms.ts'
import type { DeflateServer } from './deflate-server.ts'

export interface DeflateConnect {
  readonly server: DeflateServer
  readonly port: number
  readonly count: number
}

export interface DeflateReport {
  readonly deliveries: number
  /** Of payloads of frames, as they came. */
  readonly bytes: number
}

/** More than an answer, less than a message that was compressed. */
const ANSWER_BYTES_MAX = 400
const ROWS = 40

let opened = 0
let deliveries = 0
let bytes = 0
let publish: (data: string) => void = () => undefined
let woken = (): void => undefined

function subscriber(server: DeflateServer, port: number, index: number): RawWebSocket {
  const dialect = DIALECTS[server]
  const target = {
    port,
    path: dialect.webSocketPath,
    subprotocol: dialect.subprotocol,
    extensions: 'permessage-deflate',
  }
  const socket: RawWebSocket = new RawWebSocket(target, {
    opened() {
      if (server === 'sluice') socket.send(dialect.connect(`user-${index}`, mintToken(`user-${index}`)))
      else joined()
    },
    received(buffer, start, end) {
      if (end - start > ANSWER_BYTES_MAX) {
        deliveries++
        bytes += end - start
        woken()
        return
      }
      const frame = buffer.toString('utf8', start, end)
      if (dialect.isWelcome(frame)) socket.send(dialect.subscribe(ROOM))
      else if (dialect.isSubscribed(frame)) joined()
    },
    closed(problem) {
      if (problem !== '') throw new Error(problem)
    },
  })
  return socket
}

function joined(): void {
  opened++
  woken()
}

async function until(fulfilled: () => boolean): Promise<void> {
  while (!fulfilled()) await new Promise<void>((resolve) => (woken = resolve))
}

/** A table of which each message shows other figures, as a live page has. */
function table(number: number): string {
  return JSON.stringify(
    Array.from({ length: ROWS }, (_, row) => ({
      row,
      name: `instrument ${row}`,
      price: ((number * 7919 + row * 104_729) % 100_000) / 100,
      currency: 'EUR',
      state: (number + row) % 3 === 0 ? 'open' : 'closed',
    })),
  )
}

answerSteps({
  async connect({ server, port, count }: DeflateConnect) {
    const before = opened
    const sockets: RawWebSocket[] = []
    for (let index = 0; index < count; index++) {
      sockets.push(subscriber(server, port, before + index))
      if (index % 100 === 99) await until(() => opened === before + sockets.length)
    }
    await until(() => opened === before + count)
    const [first] = sockets
    let ref = 1
    publish = (data) => first?.send(server === 'sluice' ? DIALECTS.sluice.publish(++ref, ROOM, data) : data)
  },
  async publish(messages: number): Promise<DeflateReport> {
    deliveries = bytes = 0
    for (let number = 1; number <= messages; number++) {
      publish(table(number))
      await until(() => deliveries === number * opened)
    }
    return { deliveries, bytes }
  },
})
