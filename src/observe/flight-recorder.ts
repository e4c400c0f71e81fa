/**
 * Follows users on this node: what each of their connections was sent and has said, with times, as events for whoever asked.
 * There is a recorder for as long as somebody follows somebody; else no room has a `tap` (`witness.ts`).
 *
 * Bounded: in time (`forMs`, to be renewed), in all that is told (`eventsMax`), in what is told in a second, and in what is
 * remembered of messages that were not acknowledged yet. What is left out is counted and told.
 */
import type { Ended } from '../errors.ts'
import { disconnectReason } from './metric-labels.ts'
import { Recording, type Follow, type FollowSink } from './recording.ts'
import type { SeenSession, Tap, ToldType } from './witness.ts'
import type { Clock } from '../clock.ts'
import { publicName } from '../protocol/channel.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { EncodedReset } from '../protocol/encoded-reset.ts'

export interface FlightRecorderPorts {
  readonly nodeId: string
  readonly clock: Pick<Clock, 'now' | 'after' | 'monotonicMs'>
  /** All that are connected here. */
  readonly sessions: () => Iterable<SeenSession>
}

/** One node follows no more at once, however many nodes ask. */
export const FOLLOWED_MAX = 64
/** Of one connection; what waits longer is not told when it is acknowledged. */
const UNACKNOWLEDGED_MAX = 1024
const CHANNELS_SHOWN_MAX = 100

interface Written {
  readonly channel: string
  readonly epoch: string
  readonly offset: number
  readonly published: number
  readonly written: number
}

interface Client {
  readonly session: SeenSession
  unacknowledged: Written[]
}

export class FlightRecorder implements Tap {
  readonly #ports: FlightRecorderPorts
  readonly #recordings = new Map<string, Recording>()
  /** By their connections. */
  readonly #clients = new Map<object, Client>()

  constructor(ports: FlightRecorderPorts) {
    this.#ports = ports
  }

  /** Itself, while somebody is followed. */
  get tap(): Tap | undefined {
    return this.#recordings.size === 0 ? undefined : this
  }

  /** From now on, or for longer where it is followed already. False: too many are followed here. */
  follow(follow: Follow, sink: FollowSink): boolean {
    const known = this.#recordings.get(follow.id)
    if (known !== undefined) {
      known.renew(follow.forMs)
      return true
    }
    if (this.#recordings.size >= FOLLOWED_MAX) return false
    const recording = new Recording(follow, { ...this.#ports, sink, over: () => this.unfollow(follow.id) })
    this.#recordings.set(follow.id, recording)
    for (const session of this.#ports.sessions()) {
      if (session.user !== follow.user) continue
      this.#enter(session)
      recording.event('present', session.id, {
        transport: session.connection.transport,
        channels: channelsOf(session),
      })
    }
    return true
  }

  /** Idempotent. */
  unfollow(id: string): void {
    const recording = this.#recordings.get(id)
    this.#recordings.delete(id)
    recording?.close()
    for (const [subscriber, { session }] of this.#clients)
      if (!this.#isFollowed(session.user)) this.#clients.delete(subscriber)
  }

  /** Idempotent. */
  close(): void {
    for (const id of [...this.#recordings.keys()]) this.unfollow(id)
  }

  // Tap

  fannedOut(channel: string, encoded: Encoded): void {
    for (const client of this.#clients.values()) {
      if (client.session.id === encoded.message.meta?.exclude) continue
      for (const { live, source } of client.session.subscriptions()) {
        if (source.name !== channel) continue
        if (live) this.#delivered(client, encoded, true)
        break
      }
    }
  }

  delivered(subscriber: object, encoded: Encoded): void {
    const client = this.#clients.get(subscriber)
    if (client !== undefined) this.#delivered(client, encoded, false)
  }

  reset(subscriber: object, { channel, position, reason }: EncodedReset): void {
    const client = this.#clients.get(subscriber)
    if (client === undefined) return
    const { epoch, offset } = position
    this.#tell(client.session, 'reset', { channel: publicName(channel), epoch, offset, reason })
  }

  told(session: SeenSession, type: ToldType, fields: object): void {
    if (!this.#isFollowed(session.user)) return
    this.#enter(session)
    this.#tell(session, type, fields)
  }

  acknowledged(session: SeenSession, channel: string, offset: number): void {
    const client = this.#clients.get(session.connection)
    if (client === undefined) return
    const waiting: Written[] = []
    const acknowledged = this.#ports.clock.now()
    for (const written of client.unacknowledged) {
      if (written.channel !== channel || written.offset > offset) waiting.push(written)
      else this.#tell(session, 'acknowledged', { ...written, acknowledged })
    }
    client.unacknowledged = waiting
  }

  ended(session: SeenSession, ended: Ended): void {
    if (!this.#isFollowed(session.user)) return
    this.#clients.delete(session.connection)
    const { code } = ended
    this.#tell(session, 'closed', { why: disconnectReason(ended), ...(code === undefined ? {} : { code }) })
  }

  #delivered(client: Client, encoded: Encoded, live: boolean): void {
    const { message } = encoded
    const written = this.#ports.clock.now()
    const channel = publicName(message.channel)
    const { time: published } = message
    const place = message.kind === 'logged' ? { epoch: message.epoch, offset: message.offset } : {}
    if (message.kind === 'logged' && message.ack) {
      client.unacknowledged.push({
        ...{ channel, published, written },
        ...{ epoch: message.epoch, offset: message.offset },
      })
      if (client.unacknowledged.length > UNACKNOWLEDGED_MAX) client.unacknowledged.shift()
    }
    for (const recording of this.#of(client.session.user))
      recording.message(client.session.id, { channel, ...place, published, written, live }, message)
  }

  #enter(session: SeenSession): void {
    if (!this.#clients.has(session.connection))
      this.#clients.set(session.connection, { session, unacknowledged: [] })
  }

  #tell(session: SeenSession, type: string, fields: object): void {
    for (const recording of this.#of(session.user)) recording.event(type, session.id, fields)
  }

  #of(user: string): Recording[] {
    return [...this.#recordings.values()].filter((recording) => recording.user === user)
  }

  #isFollowed(user: string): boolean {
    for (const recording of this.#recordings.values()) if (recording.user === user) return true
    return false
  }
}

function channelsOf(session: SeenSession): object {
  const channels: Record<string, object> = Object.create(null) as Record<string, object>
  let left = CHANNELS_SHOWN_MAX
  for (const { source, position, live } of session.subscriptions()) {
    if (left-- === 0) break
    const at = position === undefined ? {} : { epoch: position.epoch, offset: position.offset }
    channels[publicName(source.name)] = { ...at, live }
  }
  return channels
}
