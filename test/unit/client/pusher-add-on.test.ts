/** The add-on of pusher-js at a server that is none of ours: everything is as without it. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocketServer, type WebSocket } from 'ws'
import { withSluice } from '../../../src/client/pusher.ts'
import { pusherJs, type PusherJs } from '../../support/pusher.ts'

interface Frame {
  readonly event: string
  readonly channel?: string
  readonly data: { readonly channel?: string }
}

/** What servers do with an event of clients that they do not know. */
const ANSWERS = {
  'says nothing': undefined,
  'answers with an error': { event: 'pusher:error', data: { code: 4200, message: 'Invalid message format' } },
  'answers with an error without a code': { event: 'pusher:error', data: { code: null, message: 'what?' } },
} as const

/** A server of Pusher's protocol that knows public channels, and greets each subscriber with an event. */
class OtherServer {
  readonly #http: Server = createServer()
  readonly sockets: WebSocket[] = []
  readonly frames: Frame[] = []

  static async start(answer: object | undefined): Promise<OtherServer> {
    const server = new OtherServer()
    new WebSocketServer({ server: server.#http }).on('connection', (socket) => server.#serve(socket, answer))
    await new Promise<void>((resolve) => server.#http.listen(0, '127.0.0.1', resolve))
    return server
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port
  }

  close(): void {
    for (const socket of this.sockets) socket.terminate()
    this.#http.close()
  }

  #serve(socket: WebSocket, answer: object | undefined): void {
    const say = (event: string, data: unknown, channel?: string): void =>
      socket.send(JSON.stringify({ event, channel, data: JSON.stringify(data) }))
    const known: Record<string, (channel: string) => void> = {
      'pusher:subscribe': (channel) => {
        say('pusher_internal:subscription_succeeded', {}, channel)
        say('greeting', { number: this.sockets.length }, channel)
      },
      'pusher:unsubscribe': () => undefined,
      'pusher:ping': () => say('pusher:pong', {}),
    }
    this.sockets.push(socket)
    socket.on('message', (bytes: Buffer) => {
      const frame = JSON.parse(bytes.toString()) as Frame
      this.frames.push(frame)
      const act = known[frame.event]
      if (act !== undefined) act(frame.data.channel ?? '')
      else if (answer !== undefined) socket.send(JSON.stringify(answer))
    })
    say('pusher:connection_established', { socket_id: `${this.sockets.length}.1`, activity_timeout: 120 })
  }
}

let server: OtherServer | undefined
let client: PusherJs | undefined

afterEach(() => {
  client?.disconnect()
  server?.close()
})

/** A life with a lost connection; what the application and the server see of it. */
async function life(answer: object | undefined, dress: (pusher: PusherJs) => PusherJs): Promise<object> {
  server = await OtherServer.start(answer)
  const pusher = dress(pusherJs(server, { id: 'ann' }))
  client = pusher
  const shown: unknown[] = []
  const states: string[] = []
  pusher.bind_global((event: string, data: unknown) => shown.push([event, data]))
  pusher.connection.bind('state_change', ({ current }: { current: string }) => states.push(current))
  const greeted = (name: string): Promise<unknown> =>
    new Promise((resolve) => pusher.subscribe(name).bind('greeting', resolve))
  await greeted('news')
  await greeted('left')
  pusher.unsubscribe('left')
  const again = new Promise((resolve) => pusher.channel('news').bind('greeting', resolve))
  pusher.disconnect()
  pusher.connect()
  await again
  pusher.disconnect()
  server.close()
  return { shown, states, told: server.frames }
}

describe.each(Object.entries(ANSWERS))('at a server that %s', (_, answer) => {
  it('the application and the server see the same as without it', async () => {
    const plain = await life(answer, (pusher) => pusher)
    const gaps: string[] = []
    const dressed = await life(answer, (pusher) => withSluice(pusher, { onGap: (name) => gaps.push(name) }))
    expect(dressed).toEqual(plain)
    expect(gaps).toEqual([])
  })
})
