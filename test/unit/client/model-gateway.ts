/**
 * A gateway in memory whose every step a test decides: what it reads, what arrives at the client, what is cut. It keeps logs
 * with epochs, hands a session over as the real one does, and knows published ids.
 */
import type { From, Position, ResetReason } from '../../../src/protocol/position.ts'
import type { ServerFrame } from '../../../src/dialect/sluice-v1/frames.ts'
import type { FakeSocket, FakeSockets, Sent } from './fake-sockets.ts'

/** Offsets grow by more than one, as those of some logs do. */
const STEP = 3

interface Log {
  epoch: string
  /** Offsets of the present epoch, in order. */
  offsets: number[]
  trimmedTo: number
  readonly ids: Map<string, Position>
}

type Outgoing = ServerFrame | { readonly type: 'close'; readonly code: number }

interface Connection {
  readonly socket: FakeSocket
  readonly inbox: Sent[]
  readonly outbox: Outgoing[]
  readonly subscribed: Set<string>
  session: string | undefined
}

export class ModelGateway {
  readonly logs = new Map<string, Log>()
  /** Every message that was ever published, by `channel epoch`: what comes after what. */
  readonly history = new Map<string, number[]>()
  /** How often each id was stored. */
  readonly stored = new Map<string, number>()
  readonly #sockets: FakeSockets
  readonly #connections = new Map<FakeSocket, Connection>()
  readonly #holders = new Map<string, Connection>()
  #epochs = 0

  constructor(sockets: FakeSockets, channels: readonly string[]) {
    this.#sockets = sockets
    for (const channel of channels) this.lose(channel)
  }

  head(channel: string): Position {
    const { epoch, offsets, trimmedTo } = this.#log(channel)
    return { epoch, offset: offsets.at(-1) ?? trimmedTo }
  }

  publish(channel: string, id?: string): Position {
    const log = this.#log(channel)
    const known = id === undefined ? undefined : log.ids.get(id)
    if (known !== undefined) return known
    const offset = this.head(channel).offset + STEP
    const position = { epoch: log.epoch, offset }
    log.offsets.push(offset)
    this.history.get(`${channel} ${log.epoch}`)?.push(offset)
    if (id !== undefined) {
      log.ids.set(id, position)
      this.stored.set(id, (this.stored.get(id) ?? 0) + 1)
    }
    for (const connection of this.#connections.values())
      if (connection.subscribed.has(channel)) connection.outbox.push(this.#message(channel, offset))
    return position
  }

  /** The log forgets all but its newest message. */
  trim(channel: string): void {
    const log = this.#log(channel)
    const gone = log.offsets.splice(0, log.offsets.length - 1)
    log.trimmedTo = gone.at(-1) ?? log.trimmedTo
  }

  /** The log is lost: a new epoch, which those who are subscribed are told of. */
  lose(channel: string): void {
    const epoch = `e${++this.#epochs}`
    const ids = this.logs.get(channel)?.ids ?? new Map<string, Position>()
    this.logs.set(channel, { epoch, offsets: [], trimmedTo: 0, ids })
    this.history.set(`${channel} ${epoch}`, [])
    for (const { subscribed, outbox } of this.#connections.values())
      if (subscribed.has(channel)) outbox.push(this.#reset(channel, 'epoch'))
  }

  /** Asks the client to move, where it is welcome. */
  askToMove(socket: FakeSocket): void {
    const connection = this.#connections.get(socket)
    if (connection?.session === undefined) return
    connection.outbox.push({ type: 'reconnect', delay: 10, deadline: 60_000, reason: 'drain' })
  }

  open(socket: FakeSocket): void {
    if (socket.state !== 'connecting') return
    const inbox: Sent[] = []
    const outbox: Outgoing[] = []
    this.#connections.set(socket, { socket, inbox, outbox, subscribed: new Set(), session: undefined })
    socket.onSent = (frame) => inbox.push(frame)
    socket.open()
  }

  /** Reads one frame of the client. */
  read(socket: FakeSocket): boolean {
    const connection = this.#connections.get(socket)
    const frame = connection?.inbox.shift()
    if (connection === undefined || frame === undefined) return false
    this.#handle(connection, frame)
    return true
  }

  /** Lets one frame arrive at the client. */
  deliver(socket: FakeSocket): boolean {
    const frame = this.#connections.get(socket)?.outbox.shift()
    if (frame === undefined) return false
    // The client has closed, or was told to go: nothing is heard of this connection any more.
    if (socket.state === 'closed') return true
    if (frame.type === 'close') this.cut(socket, frame.code)
    else socket.receive(frame)
    return true
  }

  /** The connection ends for both, with all that was on its way. */
  cut(socket: FakeSocket, code = 1006): void {
    this.#forget(socket)
    if (socket.state !== 'closed') socket.end(code)
  }

  /** Reads, delivers and opens until nothing moves any more. Whether anything moved. */
  run(): boolean {
    let moved = false
    for (let again = true; again;) {
      again = false
      for (const socket of this.#sockets.all) {
        if (socket.state === 'connecting') {
          this.open(socket)
          again = true
        }
        while (this.read(socket)) again = true
        while (this.deliver(socket)) again = true
        if (socket.state === 'closed') this.#forget(socket)
      }
      moved ||= again
    }
    return moved
  }

  #handle(connection: Connection, frame: Sent): void {
    const { outbox, subscribed } = connection
    const { type, ref = 0 } = frame
    const channel = frame['channel'] as string
    switch (type) {
      case 'connect':
        this.#connect(connection, frame)
        break
      case 'subscribe': {
        const from = this.#startOf(channel, frame['from'] as From | undefined)
        const head = this.head(channel)
        const reset = from === undefined ? undefined : this.#lossOf(channel, from)
        const start = reset === undefined ? (from ?? head) : head
        outbox.push({ type: 'subscribed', ref, channel, ...start, recovered: from !== undefined && !reset })
        this.#begin(connection, channel, start, reset)
        break
      }
      case 'unsubscribe':
        subscribed.delete(channel)
        outbox.push({ type: 'unsubscribed', ref, channel })
        break
      case 'publish':
        outbox.push({ type: 'published', ref, ...this.publish(channel, frame['id'] as string) })
        break
      case 'ping':
        outbox.push({ type: 'pong' })
        break
      default:
        throw new Error(`not expected: ${JSON.stringify(frame)}`)
    }
  }

  #connect(connection: Connection, frame: Sent): void {
    const resume = (frame['resume'] ?? {}) as Readonly<Record<string, Position>>
    const session = (frame['session'] as string | undefined) ?? `s${this.#holders.size + 1}`
    const former = this.#holders.get(session)
    const channels: Record<string, Position & { recovered: boolean }> = {
      '@inbox': { epoch: 'i', offset: 0, recovered: '@inbox' in resume },
    }
    const begins: (() => void)[] = []
    for (const [channel, from] of Object.entries(resume)) {
      if (channel === '@inbox') continue
      const reset = this.#lossOf(channel, from)
      const start = reset === undefined ? from : this.head(channel)
      channels[channel] = { ...start, recovered: reset === undefined }
      begins.push(() => this.#begin(connection, channel, start, reset))
    }
    connection.session = session
    this.#holders.set(session, connection)
    connection.outbox.push({
      type: 'welcome',
      session,
      user: 'alice',
      node: 'n',
      resumed: former !== undefined,
      channels,
      pingInterval: 25_000,
    })
    for (const begin of begins) begin()
    if (former === undefined || former === connection) return
    former.subscribed.clear()
    former.outbox.push({ type: 'close', code: 4409 })
  }

  #begin({ outbox, subscribed }: Connection, channel: string, start: Position, reset?: ResetReason): void {
    if (reset !== undefined) outbox.push(this.#reset(channel, reset))
    for (const offset of this.#log(channel).offsets)
      if (offset > start.offset) outbox.push(this.#message(channel, offset))
    subscribed.add(channel)
  }

  /** After the position, or before the last messages of the log. */
  #startOf(channel: string, from: From | undefined): Position | undefined {
    if (from === undefined || 'epoch' in from) return from
    const { epoch, offsets, trimmedTo } = this.#log(channel)
    return { epoch, offset: [trimmedTo, ...offsets].at(-1 - from.last) ?? trimmedTo }
  }

  #lossOf(channel: string, from: Position): ResetReason | undefined {
    const { epoch, trimmedTo } = this.#log(channel)
    if (from.epoch !== epoch) return 'epoch'
    return from.offset < trimmedTo ? 'trimmed' : undefined
  }

  #message(channel: string, offset: number): ServerFrame {
    return { type: 'message', channel, offset, data: `${this.#log(channel).epoch}/${offset}`, time: 1 }
  }

  #reset(channel: string, reason: ResetReason): ServerFrame {
    return { type: 'reset', channel, ...this.head(channel), reason }
  }

  #forget(socket: FakeSocket): void {
    const connection = this.#connections.get(socket)
    if (connection === undefined) return
    this.#connections.delete(socket)
    const { session } = connection
    if (session !== undefined && this.#holders.get(session) === connection) this.#holders.delete(session)
  }

  #log(channel: string): Log {
    const log = this.logs.get(channel)
    if (log === undefined) throw new Error(`there is no ${channel}`)
    return log
  }
}
