/** The clients of one server: many WebSockets or many streams, each with a number of its own. */
import { DIALECTS, type Dialect } from './dialects.ts'
import { numberAt, NUMBER_DIGITS, tailBytes, type PayloadKind } from './payload.ts'
import { RawStream } from './stream.ts'
import { mintToken } from './tokens.ts'
import { RawWebSocket } from './websocket.ts'
import type { PeerName } from '../peers/terms.ts'

export interface ConnectOptions {
  readonly count: number
  /** How many may be on their way at the same time. */
  readonly inFlight: number
  /** Absent: connected, and subscribed to nothing but what the server does by itself. */
  readonly channel?: string
  /** Each client is also on so many channels that nobody else is on. Default: none. */
  readonly channelsBeside?: number
}

/** Where there are several processes of load: none of them may be taken for another. */
export interface Origin {
  readonly from: string
  readonly firstUser: number
}

export interface ReadingOptions {
  /** So many of the clients, `isChosen`, go on reading what arrives at once. */
  readonly atOnce: number
  /** Each of the others reads once in this time, which costs this process little. */
  readonly everyMs: number
}

export interface StreamOptions extends ConnectOptions {
  readonly channel: string
}

/** What a client that is refused for a passing reason does: it asks again, a little later each time. */
const TRIES_MAX = 6
const AGAIN_AFTER_MS = 500

/** Such a reason: a node could not reach its Redis in time, on a machine that has other work. */
class Passing extends Error {}

export class Clients {
  readonly dialect: Dialect
  readonly #port: number
  readonly #origin: Origin | undefined
  #tokens: string[] = []
  #webSockets: RawWebSocket[] = []
  #streams = 0
  #tailBytes = tailBytes('text')
  #closed = 0
  #allClosed: (() => void) | undefined
  /** Where deliveries go. */
  received: ((client: number, message: number) => void) | undefined
  /** Something went wrong that no step expects. */
  failed: ((problem: string) => void) | undefined

  constructor(peer: PeerName, port: number, origin?: Origin) {
    this.dialect = DIALECTS[peer]
    this.#port = port
    this.#origin = origin
  }

  get count(): number {
    return this.#webSockets.length + this.#streams
  }

  /** Of what they find the number in from now on. */
  expect(kind: PayloadKind): void {
    this.#tailBytes = tailBytes(kind)
  }

  /** Mints the tokens, so that nothing of that happens while somebody measures. */
  prepare(count: number): void {
    for (let i = this.#tokens.length; i < count; i++) this.#tokens.push(mintToken(this.#user(i)))
  }

  #user(client: number): string {
    return userName(client + (this.#origin?.firstUser ?? 0))
  }

  async connect({ count, inFlight, channel, channelsBeside = 0 }: ConnectOptions): Promise<void> {
    const first = this.#webSockets.length
    this.prepare(first + count)
    await inParallel(count, inFlight, async (i) => {
      const client = first + i
      const beside = Array.from({ length: channelsBeside }, (_, index) => `${channel}-${client}-${index}`)
      this.#webSockets[client] = await untilLet(() =>
        this.openWebSocket(client, this.#user(client), this.#tokens[client] as string, channel, beside),
      )
    })
  }

  /** One more WebSocket that is welcome, and subscribed where a channel is named. */
  openWebSocket(
    client: number,
    user: string,
    token: string,
    channel?: string,
    beside: readonly string[] = [],
  ): Promise<RawWebSocket> {
    const left = channel === undefined ? [] : [channel, ...beside]
    const { dialect } = this
    return new Promise((resolve, reject) => {
      const { byPath, subprotocol } = dialect
      const path = byPath?.subscribe(channel ?? user) ?? dialect.webSocketPath
      const socket: RawWebSocket = new RawWebSocket(
        { port: this.#port, from: this.#origin?.from, path, subprotocol },
        {
          opened: () => {
            if (byPath === undefined) socket.send(dialect.connect(user, token))
            else resolve(socket)
          },
          received: (bytes, start, end) => {
            if (dialect.isDelivery(bytes, start)) {
              const after = dialect.bytesAfterData + this.#tailBytes
              this.received?.(client, numberAt(bytes, end - after - NUMBER_DIGITS))
              return
            }
            const frame = bytes.toString('utf8', start, end)
            const reply = dialect.reply(frame)
            if (reply !== undefined) socket.send(reply)
            else if (dialect.isWelcome(frame) || dialect.isSubscribed(frame)) {
              const next = left.shift()
              if (next === undefined) resolve(socket)
              else socket.send(dialect.subscribe(next))
            } else if (frame.startsWith('{"type":"error"')) {
              const problem = `client ${client} was told ${frame}`
              if (frame.includes('"retryable":true')) {
                socket.close()
                reject(new Passing(problem))
              } else reject(new Error(problem))
              this.failed?.(problem)
            }
          },
          closed: (problem) => {
            if (problem !== '') {
              reject(new Error(`client ${client}: ${problem}`))
              this.failed?.(`client ${client}: ${problem}`)
            } else if (++this.#closed === this.#webSockets.length) this.#allClosed?.()
          },
        },
      )
    })
  }

  async openStreams({ count, inFlight, channel }: StreamOptions): Promise<void> {
    this.prepare(count)
    const { dialect } = this
    await inParallel(count, inFlight, (client) => {
      const path = dialect.streamPath(channel, this.#tokens[client] as string)
      return new Promise<void>((resolve, reject) => {
        void new RawStream(
          { port: this.#port, path },
          {
            opened: resolve,
            received: (number) => this.received?.(client, number),
            closed: (problem) => {
              reject(new Error(`stream ${client}: ${problem}`))
              this.failed?.(`stream ${client}: ${problem}`)
            },
          },
        )
      })
    })
    this.#streams = count
  }

  /** They take turns, so that there is no moment at which all of them read. Until this process ends. */
  readInTurns({ atOnce, everyMs }: ReadingOptions): void {
    const others = this.#webSockets.filter((_, client) => !isChosen(client, atOnce, this.count))
    for (const socket of others) socket.readAtPleasure()
    let next = 0
    let owed = 0
    let lookedMs = performance.now()
    // By the clock: where the timer comes late, more of them are due, and nobody waits for longer because of it.
    setInterval(() => {
      const nowMs = performance.now()
      owed = Math.min(others.length, owed + ((nowMs - lookedMs) * others.length) / everyMs)
      lookedMs = nowMs
      for (; owed >= 1; owed--) others[next++ % others.length]?.read()
    }, 1)
  }

  /** Cuts every WebSocket at once. */
  disconnect(): Promise<void> {
    this.#closed = 0
    return new Promise((resolve) => {
      this.#allClosed = () => {
        this.#webSockets = []
        this.#allClosed = undefined
        resolve()
      }
      for (const socket of this.#webSockets) socket.close()
    })
  }
}

/** So many of all, evenly among those who were there earlier and later: a server may serve them in that order. */
export function isChosen(client: number, chosen: number, all: number): boolean {
  const every = Math.max(1, Math.floor(all / chosen))
  return client % every === 0 && client < chosen * every
}

export function userName(client: number): string {
  return `user-${client}`
}

/** Who is let in after all is said on the console: what such a run measures has more in it. */
async function untilLet<Value>(open: () => Promise<Value>): Promise<Value> {
  for (let tries = 1; ; tries++) {
    try {
      return await open()
    } catch (error) {
      if (!(error instanceof Passing) || tries === TRIES_MAX) throw error
      process.stderr.write(`${error.message}; asked again\n`)
      await new Promise((resolve) => setTimeout(resolve, tries * AGAIN_AFTER_MS))
    }
  }
}

async function inParallel(
  count: number,
  inFlight: number,
  run: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await run(next++)
  }
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, worker))
}
